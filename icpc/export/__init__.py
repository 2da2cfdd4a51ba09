"""Files of a model that run without icpc: torch.export and ONNX."""
