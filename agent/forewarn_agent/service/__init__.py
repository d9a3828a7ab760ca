"""The agent as a service of the machine: installed, looked at, upgraded, taken away."""
