#!/usr/bin/env bash
# Draws keys that sign bundles: make.sh FOLDER NAME. In FOLDER: NAME.cert.pem, which goes into the image's keyring, and NAME.key.pem, which signs.
# The pair in this folder is for development: everybody has it. Images made with it say so on every face.
set -euo pipefail
folder=$1 name=$2
umask 077
cat > "$folder/$name.cnf" <<EOF
[req]
distinguished_name = dn
x509_extensions = ext
prompt = no
[dn]
O = Holdfast
CN = Holdfast bundles ($name)
[ext]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = critical, codeSigning
subjectKeyIdentifier = hash
EOF
trap 'rm -f "$folder/$name.cnf"' EXIT
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 7300 -config "$folder/$name.cnf" \
  -keyout "$folder/$name.key.pem" -out "$folder/$name.cert.pem" 2> /dev/null
chmod 644 "$folder/$name.cert.pem"
