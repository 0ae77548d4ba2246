# SPDX-License-Identifier: BSD-2-Clause
"""A TLS server as people write one: states_server.py FILE. FILE, JSON:

port, cert, key; address (127.0.0.1); verify: required, optional, none; ca, crl (or null); versions: 1.2, 1.3, both;
speaks: http imap pop3 smtp ldap tls; for http: status, page, app: what it does with who has no certificate (all: lets her
in; 403, 302, 404, close), early: 103 before it, delay (seconds), hang; plain: no TLS at all; close: right after accept;
shared: one context for all connections, so that sessions are resumed; SIGHUP has it read the CRLs again.
"""
import json
import signal
import socket
import ssl
import sys
import threading
import time

c = dict(address='127.0.0.1', verify='required', versions='both', speaks='http', status=200, page='Welcome\n', app='all', early=False,
         delay=0, hang=False, plain=False, close=False, shared=False)
c.update(json.load(open(sys.argv[1])))
GREETING = {'imap': b'* OK [CAPABILITY IMAP4rev1 AUTH=EXTERNAL] ready\r\n', 'pop3': b'+OK ready\r\n', 'smtp': b'220 web.test ESMTP\r\n'}
ANSWER = {'imap': lambda words: b'* BYE\r\n%s OK done\r\n' % words[0], 'pop3': lambda words: b'+OK\r\n',
          'smtp': lambda words: b'221 bye\r\n' if words[0].upper() == b'QUIT' else b'250 web.test\r\n'}


def context():
    x = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    x.load_cert_chain(c['cert'], c['key'])
    x.verify_mode = {'required': ssl.CERT_REQUIRED, 'optional': ssl.CERT_OPTIONAL, 'none': ssl.CERT_NONE}[c['verify']]
    x.load_verify_locations(c['ca'])
    if c['crl']:
        x.load_verify_locations(c['crl'])
        x.verify_flags |= ssl.VERIFY_CRL_CHECK_CHAIN
    x.minimum_version = ssl.TLSVersion.TLSv1_3 if c['versions'] == '1.3' else ssl.TLSVersion.TLSv1_2
    x.maximum_version = ssl.TLSVersion.TLSv1_2 if c['versions'] == '1.2' else ssl.TLSVersion.TLSv1_3
    if not c['shared']:
        x.num_tickets = 0
        x.options |= ssl.OP_NO_TICKET
    return x


one = context()


def http(s):
    head = b''
    while b'\r\n\r\n' not in head:
        data = s.recv(4096)
        if not data:
            return
        head += data
        if not head.startswith(b'G'):
            s.sendall(b'HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n')
            return
    time.sleep(c['delay'])
    status, page = c['status'], c['page']
    if c['app'] != 'all' and not c['plain'] and not s.getpeercert():
        if c['app'] == 'close':
            return
        status, page = int(c['app']), 'Who are you?\n'
    if c['early']:
        s.sendall(b'HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n')
    where = 'Location: https://login.test/\r\n' if status // 100 == 3 else ''
    s.sendall(f'HTTP/1.1 {status} X\r\nContent-Type: text/plain\r\n{where}Connection: close\r\nContent-Length: {len(page)}\r\n\r\n{page}'.encode())


def lines(s):
    """Greets, and has an answer for each line."""
    s.sendall(GREETING[c['speaks']])
    for line in s.makefile('rb'):
        s.sendall(ANSWER[c['speaks']](line.split() or [b'?']))
        if line.split()[-1:] and line.split()[-1].upper() in (b'QUIT', b'LOGOUT'):
            return


def ldap(s):
    """An answer of the right kind, and empty, to each request."""
    while data := s.recv(4096):
        number = data[2:5]  # 02 01 NN, of a short message
        kind = {0x60: 0x61, 0x63: 0x65, 0x77: 0x78}.get(data[5])
        if kind is None:
            return
        body = number + bytes([kind, 7, 0x0a, 1, 0, 4, 0, 4, 0])
        s.sendall(bytes([0x30, len(body)]) + body)


def serve(raw):
    try:
        raw.settimeout(30)
        if c['close']:
            return
        s = raw if c['plain'] else (one if c['shared'] else context()).wrap_socket(raw, server_side=True)
        if c['hang']:
            time.sleep(30)
        {'http': http, 'ldap': ldap, 'tls': lambda s: s.recv(100)}.get(c['speaks'], lines)(s)
        if c['app'] != 'close' and not c['plain']:
            s.unwrap()
    except (OSError, ValueError, IndexError):
        pass
    finally:
        raw.close()
        try:
            s.close()
        except (OSError, UnboundLocalError):
            pass


def main():
    signal.signal(signal.SIGHUP, lambda *_: one.load_verify_locations(c['crl']))
    listener = socket.create_server((c['address'], int(c['port'])), reuse_port=False)
    while True:
        threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()


main()
