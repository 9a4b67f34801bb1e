"""Turn records into what people look at; no training happens here."""
