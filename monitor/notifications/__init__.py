"""New captures as a queue announces them: S3 → SQS, also by way of EventBridge or SNS."""
