"""An OCI layout with one image: a program, its shared libraries, and certificates. A small image without a builder.

    python3 sandbox/tests/layout.py PROGRAM DIRECTORY      # then: skopeo copy oci:DIRECTORY:v1 docker://…
"""
import gzip
import hashlib
import io
import json
import pathlib
import platform
import re
import ssl
import subprocess
import sys
import tarfile


def libraries(program):
    """Files that the dynamic linker will want, by the names it looks for."""
    listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=False).stdout
    return re.findall(r"(/\S+) \(0x", listed)


def layer(program):
    archive = io.BytesIO()
    files = [(program, "/program"), *((path, path) for path in libraries(program))]
    authorities = pathlib.Path(ssl.get_default_verify_paths().openssl_cafile)
    system = pathlib.Path("/etc/ssl/certs/ca-certificates.crt")
    files.append((system if system.exists() else authorities, "/etc/ssl/certs/ca-certificates.crt"))
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for source, name in files:
            entry = tarfile.TarInfo(name.lstrip("/"))
            content = pathlib.Path(source).read_bytes()
            entry.size, entry.mode = len(content), 0o755
            tar.addfile(entry, io.BytesIO(content))
    return archive.getvalue()


def main(program, directory):
    directory = pathlib.Path(directory)
    blobs = directory / "blobs" / "sha256"
    blobs.mkdir(parents=True)

    def keep(kind, content):
        digest = hashlib.sha256(content).hexdigest()
        (blobs / digest).write_bytes(content)
        return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": f"sha256:{digest}", "size": len(content)}

    plain = layer(program)
    config = {
        "architecture": {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()],
        "os": "linux",
        "config": {"Entrypoint": ["/program"], "ExposedPorts": {"5000/tcp": {}}},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(plain).hexdigest()}"]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": keep("config.v1+json", json.dumps(config).encode()),
        "layers": [keep("layer.v1.tar+gzip", gzip.compress(plain, 1, mtime=0))],
    }
    entry = keep("manifest.v1+json", json.dumps(manifest).encode())
    entry["annotations"] = {"org.opencontainers.image.ref.name": "v1"}
    (directory / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [entry]}))
    (directory / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    print(entry["digest"])


main(*sys.argv[1:])
