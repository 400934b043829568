"""coremltools' own tests of its operations and of its torch frontend, run against the evaluator."""
