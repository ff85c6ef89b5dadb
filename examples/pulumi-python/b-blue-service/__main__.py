"""The blue-service stack: a function in an account of its own that asks the shared service for blue."""
import sys

sys.path.append("..")

from sandbox import deploy

deploy("Blue", cidr="10.100.0.0/16", public_cidrs=["10.100.0.0/18", "10.100.64.0/18"], app_cidrs=["10.100.128.0/18", "10.100.192.0/18"])
