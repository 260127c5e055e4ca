"""What becomes of every member of every request shape that the five runtime operations can hold.

Honoured, refused by name with a reason, or ignored as a harmless hint and listed in the header
`x-kilonova-ignored`. A test walks AWS's description and finds what is in none of the three.
"""

__all__ = ["HONOURED", "IGNORED", "REFUSED"]

_CONVERSE = (
    "modelId",
    "messages",
    "system",
    "inferenceConfig",
    "toolConfig",
    "outputConfig",
    "additionalModelRequestFields",
)
_INVOKE = ("modelId", "body", "contentType", "accept")

HONOURED: dict[str, tuple[str, ...]] = {
    "ConverseRequest": _CONVERSE,
    "ConverseStreamRequest": _CONVERSE,
    "InvokeModelRequest": _INVOKE,
    "InvokeModelWithResponseStreamRequest": _INVOKE,
    "CountTokensRequest": ("modelId", "input"),
    "CountTokensInput": ("converse", "invokeModel"),
    "InvokeModelTokensRequest": ("body",),
    "ConverseTokensRequest": ("messages", "system", "toolConfig", "additionalModelRequestFields"),
    "Message": ("role", "content"),
    "ContentBlock": (
        "text",
        "image",
        "toolUse",
        "toolResult",
        "reasoningContent",
        "citationsContent",
    ),
    "ImageBlock": ("format", "source"),
    "ImageSource": ("bytes",),
    "ToolUseBlock": ("toolUseId", "name", "input"),
    "ToolResultBlock": ("toolUseId", "content", "status"),
    "ToolResultContentBlock": ("json", "text"),
    "ReasoningContentBlock": ("reasoningText",),
    "ReasoningTextBlock": ("text", "signature"),
    "CitationsContentBlock": ("content",),
    "CitationGeneratedContent": ("text",),
    "SystemContentBlock": ("text",),
    "InferenceConfiguration": ("maxTokens", "temperature", "topP", "stopSequences"),
    "ToolConfiguration": ("tools", "toolChoice"),
    "Tool": ("toolSpec",),
    "ToolSpecification": ("name", "description", "inputSchema", "strict"),
    "ToolInputSchema": ("json",),
    "ToolChoice": ("auto", "any", "tool"),
    "SpecificToolChoice": ("name",),
    "OutputConfig": ("textFormat",),
    "OutputFormat": ("type", "structure"),
    "OutputFormatStructure": ("jsonSchema",),
    "JsonSchemaDefinition": ("schema", "name"),
}

_NO_GUARDRAIL = "guardrails are not available here yet; leave this out"
_NO_MEDIA = "no model here reads this kind of content; send its text instead"
_NO_S3 = "content is not fetched from S3; send its bytes"
_TEXT_ONLY = "a tool result may hold text and json; send this as one of them"
_NO_PROMPTS = "managed prompts are not available here; send the messages themselves"
_NO_TOOL_CHANGES = "tools cannot change within a conversation; name them in toolConfig"

REFUSED: dict[str, dict[str, str]] = {
    "ConverseRequest": {"guardrailConfig": _NO_GUARDRAIL, "promptVariables": _NO_PROMPTS},
    "ConverseStreamRequest": {"guardrailConfig": _NO_GUARDRAIL, "promptVariables": _NO_PROMPTS},
    "InvokeModelRequest": {
        "guardrailIdentifier": _NO_GUARDRAIL,
        "guardrailVersion": _NO_GUARDRAIL,
    },
    "InvokeModelWithResponseStreamRequest": {
        "guardrailIdentifier": _NO_GUARDRAIL,
        "guardrailVersion": _NO_GUARDRAIL,
    },
    "ContentBlock": {
        "document": _NO_MEDIA,
        "video": _NO_MEDIA,
        "audio": _NO_MEDIA,
        "guardContent": _NO_GUARDRAIL,
        "searchResult": "search results are not read as such; send their text",
        "toolAddition": _NO_TOOL_CHANGES,
        "toolRemoval": _NO_TOOL_CHANGES,
    },
    "ImageSource": {"s3Location": _NO_S3},
    "ToolResultContentBlock": {
        "image": _TEXT_ONLY,
        "document": _TEXT_ONLY,
        "video": _TEXT_ONLY,
        "searchResult": _TEXT_ONLY,
    },
    "SystemContentBlock": {"guardContent": _NO_GUARDRAIL},
    "Tool": {"systemTool": "no tools run on the server; describe your own with toolSpec"},
}

_CONVERSE_HINTS = (
    "requestMetadata",
    "performanceConfig",
    "serviceTier",
    "additionalModelResponseFieldPaths",
)
_INVOKE_HINTS = ("trace", "performanceConfigLatency", "serviceTier", "requestMetadata")

IGNORED: dict[str, tuple[str, ...]] = {
    "ConverseRequest": _CONVERSE_HINTS,
    "ConverseStreamRequest": _CONVERSE_HINTS,
    "InvokeModelRequest": _INVOKE_HINTS,
    "InvokeModelWithResponseStreamRequest": _INVOKE_HINTS,
    "ContentBlock": ("cachePoint",),
    "ImageBlock": ("error",),  # a member of answers
    "ToolUseBlock": ("type",),
    "ToolResultBlock": ("type",),
    "ReasoningContentBlock": ("redactedContent",),
    "CitationsContentBlock": ("citations",),
    "SystemContentBlock": ("cachePoint",),
    "Tool": ("cachePoint",),
    "OutputConfig": ("effort",),
    "JsonSchemaDefinition": ("description",),
}
