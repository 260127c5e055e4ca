"""What becomes of every member of every request shape that the runtime operations can hold.

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
    "guardrailConfig",
    "additionalModelRequestFields",
    "additionalModelResponseFieldPaths",
    "performanceConfig",
    "serviceTier",
)
_GUARDRAIL = ("guardrailIdentifier", "guardrailVersion", "trace")
_INVOKE = (
    "modelId", "body", "contentType", "accept", "guardrailIdentifier", "guardrailVersion", "trace",
    "serviceTier",
)  # fmt: skip

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
        "guardContent",
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
    "SystemContentBlock": ("text", "guardContent"),
    "GuardrailConverseContentBlock": ("text",),
    "GuardrailConverseTextBlock": ("text",),
    "GuardrailConfiguration": _GUARDRAIL,
    "GuardrailStreamConfiguration": _GUARDRAIL,
    "PerformanceConfiguration": ("latency",),
    "ServiceTier": ("type",),
    "ApplyGuardrailRequest": (
        "guardrailIdentifier",
        "guardrailVersion",
        "source",
        "content",
        "outputScope",
    ),
    "GuardrailContentBlock": ("text",),
    "GuardrailTextBlock": ("text",),
    "InvokeGuardrailChecksRequest": ("messages", "checks"),
    "GuardrailChecksMessage": ("role", "content"),
    "GuardrailChecksContentBlock": ("text",),
    "GuardrailChecksConfig": ("promptAttack", "sensitiveInformation"),
    "GuardrailChecksPromptAttackConfig": ("categories",),
    "GuardrailChecksPromptAttackCategoryConfig": ("category",),
    "GuardrailChecksSensitiveInformationConfig": ("entities",),
    "GuardrailChecksSensitiveInformationEntityConfig": ("type",),
    "StartAsyncInvokeRequest": (
        "clientRequestToken",
        "modelId",
        "modelInput",
        "outputDataConfig",
    ),
    "AsyncInvokeOutputDataConfig": ("s3OutputDataConfig",),
    "AsyncInvokeS3OutputDataConfig": ("s3Uri",),
    "GetAsyncInvokeRequest": ("invocationArn",),
    "ListAsyncInvokesRequest": (
        "submitTimeAfter",
        "submitTimeBefore",
        "statusEquals",
        "maxResults",
        "nextToken",
        "sortBy",
        "sortOrder",
    ),
    "InferenceConfiguration": ("maxTokens", "temperature", "topP", "stopSequences"),
    "ToolConfiguration": ("tools", "toolChoice"),
    "Tool": ("toolSpec",),
    "ToolSpecification": ("name", "description", "inputSchema", "strict"),
    "ToolInputSchema": ("json",),
    "ToolChoice": ("auto", "any", "tool"),
    "SpecificToolChoice": ("name",),
    "OutputConfig": ("textFormat", "effort"),
    "OutputFormat": ("type", "structure"),
    "OutputFormatStructure": ("jsonSchema",),
    "JsonSchemaDefinition": ("schema", "name"),
}

_TEXT_GUARDED = "guardrails read text alone; leave this out, or unmarked"
_NO_MEDIA = "This model doesn't support %s; send the text of it instead"
_NO_S3 = "content is not fetched from S3; send its bytes"
_TEXT_ONLY = "a tool result may hold text and json; send this as one of them"
_NO_PROMPTS = "managed prompts are not available here; send the messages themselves"
_NO_TOOL_CHANGES = "tools cannot change within a conversation; name them in toolConfig"

REFUSED: dict[str, dict[str, str]] = {
    "ConverseRequest": {"promptVariables": _NO_PROMPTS},
    "ConverseStreamRequest": {"promptVariables": _NO_PROMPTS},
    "ContentBlock": {
        "document": _NO_MEDIA % "documents",
        "video": _NO_MEDIA % "videos",
        "audio": _NO_MEDIA % "audio",
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
    "SystemContentBlock": {},
    "GuardrailContentBlock": {"image": _TEXT_GUARDED},
    "GuardrailChecksConfig": {
        "contentFilter": "violence, hate, sexual content, misconduct and insults are not assessed "
        "here; ask for promptAttack and sensitiveInformation alone"
    },
    "AsyncInvokeS3OutputDataConfig": {
        "kmsKeyId": "output is not encrypted with keys of AWS; leave this out"
    },
    "GuardrailConverseContentBlock": {
        "image": "guardrails read text alone; leave the image unmarked"
    },
    "Tool": {"systemTool": "no tools run on the server; describe your own with toolSpec"},
}

_CONVERSE_HINTS = ("requestMetadata",)
_INVOKE_HINTS = ("performanceConfigLatency", "requestMetadata")

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
    "GuardrailConverseTextBlock": ("qualifiers",),  # all texts are read, whatever they are
    "GuardrailTextBlock": ("qualifiers",),
    "StartAsyncInvokeRequest": ("tags",),
    "AsyncInvokeS3OutputDataConfig": ("bucketOwner",),
    "GuardrailStreamConfiguration": ("streamProcessingMode",),  # streams are always held back
    "JsonSchemaDefinition": ("description",),
}
