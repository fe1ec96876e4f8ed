"""The environment variables by which a compiled pipeline tells its steps what no ExecutorInput says."""

#: The run's id.
RUN_ID_VARIABLE = "DIPTYCH_RUN_ID"
#: Address of the S3 API behind ``minio://`` and ``s3://``, or ``AWS``. Without it steps find that of KFP by themselves.
ENDPOINT_VARIABLE = "DIPTYCH_STORE_ENDPOINT"
#: The endpoint that stands for AWS's own S3.
AWS = "aws"
