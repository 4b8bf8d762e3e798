// A git server by https, and the proxy that leads to it: every tunnel, whatever host it asks for, ends here.
//
// Arguments: the folder of the repositories, the certificate, its key. Prints the proxy's port, then one line for each
// tunnel and request.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { connect } from 'node:net';

const [root, cert, key] = process.argv.slice(2);

/** One request by git's own program for web servers. */
function serve(request, response) {
  console.log(`${request.method} ${request.url}`);
  const url = new URL(request.url, 'https://localhost');
  const backend = spawn('git', ['http-backend'], {
    env: {
      ...process.env,
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: '1',
      // Somebody who may push.
      REMOTE_USER: 'tester',
      REQUEST_METHOD: request.method,
      PATH_INFO: url.pathname,
      QUERY_STRING: url.search.slice(1),
      CONTENT_TYPE: request.headers['content-type'] ?? '',
      HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
      GIT_PROTOCOL: request.headers['git-protocol'] ?? '',
    },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  request.pipe(backend.stdin);
  let said = Buffer.alloc(0);
  backend.stdout.on('data', (piece) => (said = Buffer.concat([said, piece])));
  backend.on('close', () => {
    const end = said.indexOf('\r\n\r\n');
    for (const line of said.subarray(0, end).toString().split('\r\n')) {
      const [name, value] = line.split(': ');
      if (name === 'Status') response.statusCode = Number.parseInt(value, 10);
      else response.setHeader(name, value);
    }
    response.end(said.subarray(end + 4));
  });
}

const git = createTlsServer({ cert: readFileSync(cert), key: readFileSync(key) }, serve).listen(0, '127.0.0.1');
const proxy = createServer();
proxy.on('connect', (request, client) => {
  console.log(`CONNECT ${request.url}`);
  const server = connect(git.address().port, '127.0.0.1', () => {
    client.write('HTTP/1.1 200 Connection established\r\n\r\n');
    client.pipe(server).pipe(client);
  });
  for (const end of [client, server]) end.on('error', () => {});
});
proxy.listen(0, '0.0.0.0', () => console.log(proxy.address().port));
