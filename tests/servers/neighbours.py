# SPDX-License-Identifier: BSD-2-Clause
# Who has a TLS session of one site, and tries it at another: neighbours.py CA CERT|- NEIGHBOUR OURS [NAME]. Sites are known
# by their ports; NAME is the neighbour's, where it has another one. Prints, for TLS 1.2 and 1.3: whether the neighbour
# resumes its own sessions, and what comes back from ours ("here"), and to our Host under the neighbour's NAME ("host"):
# the status, or "refused".
import socket
import ssl
import sys

ca, cert, neighbour, ours = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
name = sys.argv[5] if len(sys.argv) > 5 else 'web.test'


def context(version):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    c.load_verify_locations(ca)
    c.check_hostname = False
    c.minimum_version = c.maximum_version = version
    if cert != '-':
        c.load_cert_chain(cert, cert + '.key')
    return c


def ask(c, port, session=None, name='web.test', host=None):
    """The status line's code, the session, whether it was resumed."""
    with socket.create_connection(('127.0.0.1', port), timeout=60) as raw:
        try:
            with c.wrap_socket(raw, server_hostname=name, session=session) as s:
                s.sendall(f'GET / HTTP/1.1\r\nHost: {host or name}:{port}\r\nConnection: close\r\n\r\n'.encode())
                return (s.recv(65536)[9:12].decode() or 'refused'), s.session, s.session_reused
        except OSError:
            return 'refused', None, False


for word, version in ('1.2', ssl.TLSVersion.TLSv1_2), ('1.3', ssl.TLSVersion.TLSv1_3):
    c = context(version)
    there, session, _ = ask(c, neighbour, name=name)
    again = ask(c, neighbour, session, name)[2]
    got = ask(c, ours, session)[0]
    print(f'{word} there {there} {"resumed" if again else "anew"} here {got} host {ask(c, ours, session, name, "web.test")[0]}')
