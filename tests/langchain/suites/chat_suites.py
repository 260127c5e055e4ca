"""LangChain's standard suite, once for each of its classes that speak a wire of ours.

A class says which client it is and where the server stands; all tests are LangChain's own. What is
switched off is what no packaged model can: images, audio, PDF, and names taken from a prompt alone.
Most tests ask the scripted model; where a model is to decide by itself, Spark is asked.
"""

import os
from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar

import boto3
import pytest
from langchain_anthropic import ChatAnthropic
from langchain_aws import ChatBedrock, ChatBedrockConverse
from langchain_core.language_models import BaseChatModel
from langchain_google_genai import ChatGoogleGenerativeAI
from langchain_openai import AzureChatOpenAI, ChatOpenAI
from langchain_tests.integration_tests import ChatModelIntegrationTests

URL = os.environ["KILONOVA_URL"]
KEY = os.environ["KILONOVA_BEARER_KEY"]
ECHO = "kilonova.echo-v1:0"
SPARK = "kilonova.spark-v1:0"
BY_SPARK = ("test_agent_loop", "test_tool_calling", "test_tool_choice")


@cache
def aws(service: str) -> Any:
    """One client for all tests: to make one costs more than a test."""
    return boto3.client(service, endpoint_url=URL, region_name="us-east-1")


class Suite(ChatModelIntegrationTests):
    """What holds for all classes."""

    client: ClassVar[type[BaseChatModel]]
    settings: ClassVar[Mapping[str, Any]]

    @property
    def chat_model_class(self) -> type[BaseChatModel]:
        return self.client

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"model": ECHO, "temperature": 0, "max_tokens": 200, **self.settings}

    @pytest.fixture
    def model(self, request: pytest.FixtureRequest) -> BaseChatModel:
        """The client of one test, with what the test itself wants."""
        asked = {"model": SPARK} if request.function.__name__ in BY_SPARK else {}
        wanted = getattr(request, "param", None) or {}
        return self.client(**{**self.chat_model_params, **asked, **wanted})

    @property
    def supports_image_inputs(self) -> bool:
        return False


class AnthropicInputs(Suite):
    """Clients that take messages in Anthropic's form."""

    @property
    def supports_anthropic_inputs(self) -> bool:
        return True


class TestBedrockConverse(AnthropicInputs):
    client = ChatBedrockConverse
    settings: ClassVar = {
        "client": aws("bedrock-runtime"),
        "bedrock_client": aws("bedrock"),
        "disable_streaming": False,
        "supports_tool_choice_values": ("auto", "any", "tool"),
    }


class TestBedrock(AnthropicInputs):
    client = ChatBedrock
    settings: ClassVar = {
        "client": aws("bedrock-runtime"),
        "bedrock_client": aws("bedrock"),
        "beta_use_converse_api": True,
        "disable_streaming": False,
    }


class TestBedrockInvoke(AnthropicInputs):
    """InvokeModel with the bodies of Anthropic's models: the ones that LangChain gives tools."""

    client = ChatBedrock
    settings: ClassVar = {
        "client": aws("bedrock-runtime"),
        "bedrock_client": aws("bedrock"),
        "provider": "anthropic",
        "base_model": "anthropic.claude-sonnet-4-20250514-v1:0",
    }


class TestOpenAI(Suite):
    client = ChatOpenAI
    settings: ClassVar = {"base_url": f"{URL}/v1", "api_key": KEY, "stream_usage": True}

    @property
    def supports_model_override(self) -> bool:
        return True

    @property
    def model_override_value(self) -> str:
        return SPARK


class TestOpenAIResponses(TestOpenAI):
    settings: ClassVar = {"base_url": f"{URL}/v1", "api_key": KEY, "use_responses_api": True}


class TestAzureOpenAI(Suite):
    client = AzureChatOpenAI
    settings: ClassVar = {
        "azure_endpoint": URL,
        "api_key": KEY,
        "api_version": "2024-10-21",
        "stream_usage": True,
    }


class TestAnthropic(AnthropicInputs):
    client = ChatAnthropic
    settings: ClassVar = {"base_url": URL, "api_key": KEY}


class TestGoogle(Suite):
    client = ChatGoogleGenerativeAI
    settings: ClassVar = {"base_url": URL, "api_key": KEY}
