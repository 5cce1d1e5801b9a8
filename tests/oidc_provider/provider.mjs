// An OpenID provider on a free port of this machine, for tests alone.
//
// Usage: node provider.mjs CLAIMS READY. CLAIMS is a JSON file: for each client id the claims that its
// access tokens have besides the provider's own. Clients get tokens by their credentials (the secret
// is the id), for the resource `urn:registry:ALG`, signed with that algorithm. READY is written once
// it answers: its issuer, and the URL where tests control it: POST /rotate gives it new keys, GET
// /counts tells how often each path was asked for.

import {createServer} from "node:http";
import {generateKeyPairSync, randomUUID} from "node:crypto";
import {readFileSync, renameSync, writeFileSync} from "node:fs";

import Provider from "oidc-provider";

const [claimsFile, readyFile] = process.argv.slice(2);
const claims = JSON.parse(readFileSync(claimsFile, "utf8"));
const AUDIENCE = "tenant-registry";
const RESOURCE = "urn:registry:";

const KINDS = [
  ["rsa", {modulusLength: 2048}, ["RS256", "PS256"]],
  ["ec", {namedCurve: "P-256"}, ["ES256"]],
  ["ed25519", {}, ["EdDSA"]],
];

function newKeys() {
  return KINDS.flatMap(([type, options, algorithms]) =>
    algorithms.map((alg) => ({
      ...generateKeyPairSync(type, options).privateKey.export({format: "jwk"}),
      kid: randomUUID(),
      use: "sig",
      alg,
    })),
  );
}

// A key for encryption beside the others, as real issuers publish.
function encryptionKey() {
  const key = generateKeyPairSync("rsa", {modulusLength: 2048}).privateKey;
  return {...key.export({format: "jwk"}), kid: randomUUID(), use: "enc", alg: "RSA-OAEP-256"};
}

function newProvider(issuer) {
  const clients = Object.keys(claims).map((id) => ({
    client_id: id,
    client_secret: id,
    grant_types: ["client_credentials"],
    redirect_uris: [],
    response_types: [],
    token_endpoint_auth_method: "client_secret_post",
  }));
  return new Provider(issuer, {
    clients,
    jwks: {keys: [...newKeys(), encryptionKey()]},
    features: {
      clientCredentials: {enabled: true},
      devInteractions: {enabled: false},
      encryption: {enabled: true},
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_, resource) => ({
          scope: "",
          audience: AUDIENCE,
          accessTokenFormat: "jwt",
          accessTokenTTL: 600,
          jwt: {sign: {alg: resource.slice(RESOURCE.length)}},
        }),
      },
    },
    extraTokenClaims: (_, token) => claims[token.clientId],
    ttl: {ClientCredentials: 600},
  });
}

function listen(server) {
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => resolve(`http://127.0.0.1:${server.address().port}`));
  });
}

const counts = {};
let answer;
const server = createServer((request, response) => {
  const path = request.url.split("?")[0];
  counts[path] = (counts[path] ?? 0) + 1;
  answer(request, response);
});
const issuer = await listen(server);
answer = newProvider(issuer).callback();

const control = createServer((request, response) => {
  if (request.method === "POST" && request.url === "/rotate") {
    answer = newProvider(issuer).callback();
  }
  response.end(JSON.stringify(counts));
});
const ready = {issuer, control: await listen(control)};
writeFileSync(`${readyFile}.new`, JSON.stringify(ready));
renameSync(`${readyFile}.new`, readyFile);
