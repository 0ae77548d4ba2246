# SPDX-License-Identifier: BSD-2-Clause
# Headers that say who somebody is, sent by somebody else.
#
#   forge.py options                 curl's -H options, one a line: every name in every spelling that HTTP allows
#   forge.py judge BODY NAME|none    is what echo.py got what the server knows, and nothing of ours? SERIAL in hex may follow
#   forge.py send PORT CA            without a certificate, also what is no HTTP: a report, and status 1 if any came through
import json
import re
import socket
import ssl
import sys

NAMES = ['Client-Verify', 'Client-Subject', 'Client-Name', 'Client-Email', 'Client-Serial', 'Client-Fingerprint']
MARK = 'forged'
CONTROL = 'X-Control'  # comes through: the request did reach the application


def spellings():
    for name in NAMES:
        for n in (name, name.lower(), name.upper(), name.swapcase()):
            yield n
            yield n.replace('-', '_')


def judge(body, who, serial=None):
    """What is wrong with what the application got; empty: nothing."""
    got = json.loads(body)['headers']
    bad = [f'{k}: {v}' for k, v in got if MARK in v and k.lower() not in (CONTROL.lower(), 'x-fold')]
    if not any(k.lower() == CONTROL.lower() for k, v in got):
        bad.append(f'no {CONTROL}: this request proves nothing')
    ours = {}
    for k, v in got:
        plain = k.lower().replace('_', '-')
        if plain in (n.lower() for n in NAMES):
            if plain in ours:
                bad.append(f'{k} twice')
            ours[plain] = v
    want = 'NONE' if who == 'none' else 'SUCCESS'
    if ours.get('client-verify') != want:
        bad.append(f'Client-Verify is {ours.get("client-verify")}, not {want}')
    if who == 'none':
        bad += [f'{k}: {v}, of nobody' for k, v in ours.items() if k != 'client-verify' and v]
        return bad
    if not re.search(f'(^|,)CN={who}(,|$)', ours.get('client-subject', '')):
        bad.append(f'Client-Subject is {ours.get("client-subject")}')
    if 'client-name' in ours and ours['client-name'] != who:
        bad.append(f'Client-Name is {ours["client-name"]}')
    number = ours.get('client-serial', '')
    if serial and int(serial, 16) not in [int(number, b) for b in (10, 16) if number and (b == 16 or number.isdigit())]:
        bad.append(f'Client-Serial is {number}, not {serial}')
    return bad


def requests():
    """name, the lines of a request between Host and the end, what follows the end"""
    for n in spellings():
        yield n, f'{n}: {MARK}', ''
    for n in NAMES:
        yield f'{n} twice', f'{n}: {MARK}1\r\n{n}: {MARK}2', ''
        yield f'{n} without a space', f'{n}:{MARK}', ''
        yield f'{n} and a space', f'{n} : {MARK}', ''
        yield f'{n} and a tab', f'{n}\t: {MARK}', ''
        yield f'{n} behind a space', f' {n}: {MARK}', ''
        yield f'{n} folded', f'X-Fold: x\r\n {n}: {MARK}', ''
        yield f'{n} behind a bare CR', f'X-Fold: x\r{n}: {MARK}', ''
        yield f'{n} behind a bare LF', f'X-Fold: x\n{n}: {MARK}', ''
        yield f'{n} behind a NUL', f'\0{n}: {MARK}', ''
        yield f'{n} and the word of Connection', f'Connection: close, {n}\r\n{n}: {MARK}', ''
        yield f'{n} as a trailer', 'Transfer-Encoding: chunked\r\nTrailer: ' + n, f'1\r\nx\r\n0\r\n{n}: {MARK}\r\n\r\n'


def send(port, ca, lines, rest):
    ctx = ssl.create_default_context(cafile=ca)
    with socket.create_connection(('127.0.0.1', port), timeout=10) as raw, ctx.wrap_socket(raw, server_hostname='web.test') as s:
        end = '' if lines.startswith('Connection') else 'Connection: close\r\n'
        s.sendall(f'GET / HTTP/1.1\r\nHost: web.test:{port}\r\n{CONTROL}: {MARK}\r\n{lines}\r\n{end}\r\n{rest}'.encode())
        answer = b''
        try:
            while chunk := s.recv(65536):
                answer += chunk
        except (ssl.SSLError, OSError):
            pass
    head, _, body = answer.partition(b'\r\n\r\n')
    status = head.split(b' ')[1].decode() if head.count(b' ') > 1 else 'closed'
    if b'chunked' in head.lower():
        body = b''.join(re.findall(rb'(?m)^\{.*\}$', body))
    return status, body


def main():
    if sys.argv[1] == 'options':
        for n in spellings():
            print(f'-H\n{n}: {MARK}')
        print(f'-H\n{CONTROL}: {MARK}')
        return 0
    if sys.argv[1] == 'judge':
        bad = judge(open(sys.argv[2]).read(), *sys.argv[3:])
        print(*bad, sep='\n')
        return len(bad) > 0
    seen, bad = {}, 0
    for name, lines, rest in requests():
        status, body = send(int(sys.argv[2]), sys.argv[3], lines, rest)
        seen[status] = seen.get(status, 0) + 1
        wrong = judge(body, 'none') if status == '200' else []
        if wrong:
            bad += 1
            print(f'{name}: {status}', *wrong, sep='\n  ')
    print(', '.join(f'{n} answered {s}' for s, n in sorted(seen.items())))
    return bad > 0 or '200' not in seen


sys.exit(main())
