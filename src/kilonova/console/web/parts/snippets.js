/** The same first call in each vendor's own SDK: the address and the key are all that is new. */

const MODEL = "kilonova.spark-v1:0";

/** @type {Record<string, { name: string, language: string, text: (url: string) => string }>} */
export const SNIPPETS = {
  python: {
    name: "OpenAI", language: "python",
    text: (url) => `from openai import OpenAI

client = OpenAI(base_url="${url}/v1", api_key="kn_live_…")
answer = client.chat.completions.create(
    model="${MODEL}",
    messages=[{"role": "user", "content": "Say hello."}],
)
print(answer.choices[0].message.content)`,
  },
  boto3: {
    name: "AWS", language: "python",
    text: (url) => `import boto3

client = boto3.client(
    "bedrock-runtime", endpoint_url="${url}", region_name="us-east-1",
    aws_access_key_id="KNAK…", aws_secret_access_key="…",
)
answer = client.converse(
    modelId="${MODEL}",
    messages=[{"role": "user", "content": [{"text": "Say hello."}]}],
)
print(answer["output"]["message"]["content"][0]["text"])`,
  },
  anthropic: {
    name: "Anthropic", language: "python",
    text: (url) => `from anthropic import Anthropic

client = Anthropic(base_url="${url}", api_key="kn_live_…")
answer = client.messages.create(
    model="${MODEL}", max_tokens=100,
    messages=[{"role": "user", "content": "Say hello."}],
)
print(answer.content[0].text)`,
  },
  gemini: {
    name: "Google", language: "python",
    text: (url) => `from google import genai

client = genai.Client(api_key="kn_live_…", http_options={"base_url": "${url}"})
answer = client.models.generate_content(model="${MODEL}", contents="Say hello.")
print(answer.text)`,
  },
  curl: {
    name: "curl", language: "shell",
    text: (url) => `curl ${url}/v1/chat/completions \\
  -H "Authorization: Bearer kn_live_…" -H "Content-Type: application/json" \\
  -d '{"model": "${MODEL}", "messages": [{"role": "user", "content": "Say hello."}]}'`,
  },
};
