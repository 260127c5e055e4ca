"""Native bodies of InvokeModel: one file per model family, in the vendor's own field names."""
