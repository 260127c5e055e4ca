/** One request written for each SDK: ready to run, with the key in an environment variable. Pure. */
import { anthropic, boto3, genai, openai } from "./code_python.js";
import { KEY } from "./code_text.js";
import { curl, javascript } from "./code_web.js";

/** @typedef {import("./code_text.js").Asked} Asked */
/** @typedef {{ name: string, language: string, setup: string, write: (asked: Asked, url: string) => string }} Sdk */

const bearer = `export ${KEY}=kn_live_…`;

/** @type {Record<string, Sdk>} */
export const SDKS = {
  openai: { name: "OpenAI", language: "python", setup: `pip install openai\n${bearer}`, write: openai },
  boto3: { name: "AWS boto3", language: "python", setup: "pip install boto3\nexport AWS_ACCESS_KEY_ID=KNAK…\nexport AWS_SECRET_ACCESS_KEY=…", write: boto3 },
  anthropic: { name: "Anthropic", language: "python", setup: `pip install anthropic\n${bearer}`, write: anthropic },
  genai: { name: "Google GenAI", language: "python", setup: `pip install google-genai\n${bearer}`, write: genai },
  curl: { name: "curl", language: "shell", setup: bearer, write: curl },
  javascript: { name: "JavaScript", language: "javascript", setup: `npm install openai\n${bearer}`, write: javascript },
};
