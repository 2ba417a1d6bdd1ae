"""An experiment made ready: data, dense net and spaces that fit together."""
