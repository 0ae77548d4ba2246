// SPDX-License-Identifier: BSD-2-Clause
// An HTTPS server as people write one with Node: states_node.js FILE. app: all; authorized: 403 unless Node says so;
// present: any certificate will do; issuer: it looks at the issuer's name; purpose: what the certificate is for does not
// matter; guest: everybody, and who is not authorized is told that she is a guest. reject: rejectUnauthorized.
const fs = require('fs');
const c = JSON.parse(fs.readFileSync(process.argv[2]));
const blocks = (file) => fs.readFileSync(file, 'utf8').match(/-----BEGIN[^]*?-----END [^\n]*\n/g);
const apps = {
  all: () => true,
  authorized: (s) => s.authorized,
  present: (s) => Boolean(s.getPeerCertificate().subject),
  issuer: (s) => /Test Issuing/.test((s.getPeerCertificate().issuer || {}).CN || ''),
  guest: () => true,
  purpose: (s) => s.authorized || s.authorizationError === 'INVALID_PURPOSE',
};
require('https').createServer({
  cert: fs.readFileSync(c.cert), key: fs.readFileSync(c.key), ca: blocks(c.ca), crl: c.crl ? blocks(c.crl) : undefined,
  requestCert: true, rejectUnauthorized: c.reject, minVersion: 'TLSv1.2',
}, (request, answer) => {
  answer.writeHead(apps[c.app](request.socket) ? 200 : 403, { 'Content-Type': 'text/plain', Connection: 'close' });
  const page = c.app === 'guest' && !request.socket.authorized ? 'Welcome, guest\n' : 'Welcome\n';
  answer.end(apps[c.app](request.socket) ? page : 'No.\n');
}).listen(Number(c.port), '127.0.0.1');
