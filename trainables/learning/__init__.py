"""Losses, masks and adversaries that networks learn with, shared by stages."""
