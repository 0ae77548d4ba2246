# SPDX-License-Identifier: BSD-2-Clause
# Who has a TLS session of one port, and tries it at another: neighbours.py CA CERT|- NEIGHBOUR OURS. Prints, for TLS 1.2
# and 1.3: whether the neighbour resumes its own sessions, and what comes back from ours: the status, or "refused".
import socket
import ssl
import sys

ca, cert, neighbour, ours = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])


def context(version):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    c.load_verify_locations(ca)
    c.minimum_version = c.maximum_version = version
    if cert != '-':
        c.load_cert_chain(cert, cert + '.key')
    return c


def ask(c, port, session=None):
    """The status line's code, the session, whether it was resumed."""
    with socket.create_connection(('127.0.0.1', port), timeout=60) as raw:
        try:
            with c.wrap_socket(raw, server_hostname='web.test', session=session) as s:
                s.sendall(b'GET / HTTP/1.1\r\nHost: web.test\r\nConnection: close\r\n\r\n')
                return (s.recv(65536)[9:12].decode() or 'refused'), s.session, s.session_reused
        except OSError:
            return 'refused', None, False


for name, version in ('1.2', ssl.TLSVersion.TLSv1_2), ('1.3', ssl.TLSVersion.TLSv1_3):
    c = context(version)
    there, session, _ = ask(c, neighbour)
    again = ask(c, neighbour, session)[2]
    got, _, resumed = ask(c, ours, session)
    print(f'{name} there {there} {"resumed" if again else "anew"} here {got}')
