"""Amazon Bedrock's wire: Converse, InvokeModel and their streams, token counts, the model list."""
