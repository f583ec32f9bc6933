"""The world that `kedge demo` plays in: an AWS on loopback, a survey, a model, traffic, and a clock."""
