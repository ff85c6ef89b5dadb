"""The green-service stack: a function in an account of its own that asks the shared service for green."""
import sys

sys.path.append("..")

from sandbox import deploy

deploy("Green", cidr="10.200.0.0/16", public_cidrs=["10.200.0.0/18", "10.200.64.0/18"], app_cidrs=["10.200.128.0/18", "10.200.192.0/18"])
