"""What the numbers mean: rules as data, and the engine that evaluates them. Pure: values and times are passed in."""
