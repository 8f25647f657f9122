"""Moves files to and from an object store: objects.py (s3 ENDPOINT | azure PORT) (bucket NAME | put DIR BUCKET/PREFIX | get BUCKET/PREFIX DIR | list BUCKET)."""

import os
import sys

from pyarrow import fs

kind, address, command, *arguments = sys.argv[1:]
if kind == "s3":
    store = fs.S3FileSystem(
        access_key=os.environ["AWS_ACCESS_KEY_ID"],
        secret_key=os.environ["AWS_SECRET_ACCESS_KEY"],
        endpoint_override=address,
        region="us-east-1",
        allow_bucket_creation=True,
        check_directory_existence_before_creation=False,
    )
else:
    store = fs.AzureFileSystem(
        account_name=os.environ["AZURE_STORAGE_ACCOUNT_NAME"],
        account_key=os.environ["AZURE_STORAGE_ACCOUNT_KEY"],
        blob_storage_authority=f"127.0.0.1:{address}",
        blob_storage_scheme="http",
        dfs_storage_authority=f"127.0.0.1:{address}",
        dfs_storage_scheme="http",
    )
local = fs.LocalFileSystem()


def put(folder, place):
    # Object by object: making "directories" would leave marker objects behind.
    for parent, _, files in os.walk(folder):
        for file in files:
            path = os.path.join(parent, file)
            name = os.path.relpath(path, folder).replace(os.sep, "/")
            # A file that is there stays as it is: putting it again would make it another version.
            if store.get_file_info(f"{place}/{name}").type == fs.FileType.File:
                continue
            with open(path, "rb") as source, store.open_output_stream(f"{place}/{name}", compression=None) as target:
                target.write(source.read())


def get(place, folder):
    for info in store.get_file_info(fs.FileSelector(place, recursive=True)):
        if info.type == fs.FileType.File:
            path = os.path.join(folder, os.path.relpath(info.path, place))
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with store.open_input_stream(info.path, compression=None) as source, open(path, "wb") as target:
                target.write(source.read())


if command == "bucket":
    store.create_dir(arguments[0])
elif command == "put":
    put(*arguments)
elif command == "get":
    get(*arguments)
elif command == "list":
    for info in store.get_file_info(fs.FileSelector(arguments[0], recursive=True)):
        if info.type == fs.FileType.File:
            print(info.path)
else:
    sys.exit(f"unknown command {command}")
