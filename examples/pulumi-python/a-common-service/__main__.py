"""The common-service stack: everything in the shared account."""
import app_infra
