# SPDX-License-Identifier: BSD-2-Clause
# What `ykenroll server` prints, as text.
#
#   printed.py hostile ROUNDS        no value breaks out of its place, and none that is refused leaves any output
#   printed.py path ROUNDS WHO       nor does a --path
#   printed.py traefik FILE OPTIONAL every key is one that Traefik documents, at its place
import os
import random
import string
import subprocess
import sys

QUICK = int(os.environ.get('QUICK') or 1)  # each server takes every Nth value, each another one
SERVERS = ['nginx', 'apache', 'haproxy', 'caddy', 'traefik']
OPTIONS = {'--name': 'a.b', '--dir': '/a', '--backend': 'http://a:1', '--certificate': '/a', '--key': '/a'}
HOSTILE = ['', ' ', 'a b', 'a\nb', 'a\rb', 'a\tb', 'a"b', "a'b", 'a`b', 'a{b', 'a}b', 'a;b', 'a#b', 'a$b', 'a${x}', 'a%b', 'a\\b', 'a\\',
           'a<b', '<DIR>', '<NAME>', '|sh', 'a&b', 'a(b)', 'a[b', 'a]b', 'a*b', 'a?b', 'a!b', 'a\0b'.replace('\0', '\x01'), 'a\x1b[31mb', 'ä',
           '\u202e', '-a', '.a', 'a..b', 'x' * 5000, '--', '..', '@a', 'a@b']


def server(kind, options):
    args = ['ykenroll', 'server', kind] + [w for o in options.items() for w in o]
    r = subprocess.run(args, capture_output=True, stdin=subprocess.DEVNULL, timeout=20)
    return r.returncode, r.stdout.decode(), r.stderr.decode(errors='replace')


def words(kind, text):
    """The configuration's shape: how many words each line has."""
    return [len(line.split()) for line in text.splitlines()]


def usual(kind):
    options = dict(OPTIONS)
    if kind == 'haproxy':
        options['--key'] = '/a.key'
    return options


def values(option, rounds):
    lead = {'--dir': '/', '--certificate': '/', '--key': '/', '--backend': 'http://', '--name': ''}[option]
    for h in HOSTILE:
        yield h
        yield lead + h
        if option == '--backend':
            yield lead + 'a' + h
            yield f'{lead}a:1{h}'
            yield f'{lead}[::1]{h}'
            yield f'{lead}a:{h}'
    for _ in range(rounds):
        yield lead + ''.join(random.choice('aZ9/._-+=~,@:[]{}"\'\n \\;#$%<>*`') for _ in range(random.randint(1, 12)))


def hostile(rounds):
    random.seed(5)
    good = bad = wrong = 0
    for kind in SERVERS:
        shape = words(kind, server(kind, usual(kind))[1])
        for option in OPTIONS:
            for n, value in enumerate(values(option, rounds)):
                if (n + SERVERS.index(kind)) % QUICK:
                    continue
                options = usual(kind)
                options[option] = value
                if kind == 'haproxy' and option in ('--certificate', '--key'):
                    options['--certificate'], options['--key'] = value, value + '.key'
                rc, out, err = server(kind, options)
                if rc == 0 and words(kind, out) == shape and not set(value) & set('\n\r"\'`{}\\;#$%<> '):
                    good += 1
                elif rc == 2 and out == '' and err:
                    bad += 1
                else:
                    wrong += 1
                    print(kind, option, repr(value), rc, out[:200], err[:200])
    print(f'{good} values taken, {bad} refused, {wrong} wrong')
    return wrong > 0 or good < 20 // QUICK or bad < 200 // QUICK


def path(rounds, who):
    """Each line has the words that it has for "/a", and the path has no character that means something anywhere."""
    random.seed(6)
    good = bad = wrong = 0
    shape = words('nginx', server('nginx', {**OPTIONS, '--path': '/a', '--allow': who})[1])
    values = [lead + h for h in HOSTILE for lead in ('', '/')] + ['/a.b', '/a/b', '/a-b_c~d/', '/' + 'x' * 126] + [
        '/' + ''.join(random.choice('aZ9/._-+=~,@:[]{}"\'\n \\;#$%<>*`|()?^') for _ in range(random.randint(1, 6))) for _ in range(rounds)]
    for value in values:
        rc, out, err = server('nginx', {**OPTIONS, '--path': value, '--allow': who})
        if rc == 0 and words('nginx', out) == shape and not set(value) - set(string.ascii_letters + string.digits + '/._-~'):
            good += 1
        elif rc == 2 and out == '' and err:
            bad += 1
        else:
            wrong += 1
            print(repr(value), rc, out[:200], err[:200])
    print(f'{good} paths taken, {bad} refused, {wrong} wrong')
    return wrong > 0 or good < 5 or bad < 50


# doc.traefik.io/traefik/reference/dynamic-configuration/file/, version 3 (and 2: the same for these): what the page lists,
# as far as it concerns us. '*' is any name; a list stands for one of its elements.
TEXT, BOOL = str, bool
SUBJECT = dict.fromkeys(['country', 'province', 'locality', 'organization', 'organizationalUnit', 'commonName', 'serialNumber',
                         'domainComponent'], BOOL)
TRAEFIK = {
    'http': {
        'routers': {'*': {'entryPoints': [TEXT], 'middlewares': [TEXT], 'service': TEXT, 'rule': TEXT, 'priority': int,
                          'tls': {'options': TEXT, 'certResolver': TEXT}}},
        'services': {'*': {'loadBalancer': {'servers': [{'url': TEXT}], 'passHostHeader': BOOL}}},
        'middlewares': {'*': {
            'headers': {'customRequestHeaders': {'*': TEXT}, 'customResponseHeaders': {'*': TEXT}},
            'passTLSClientCert': {'pem': BOOL, 'info': {'notAfter': BOOL, 'notBefore': BOOL, 'sans': BOOL, 'serialNumber': BOOL,
                                                        'subject': SUBJECT, 'issuer': SUBJECT}}}},
    },
    'tls': {
        'certificates': [{'certFile': TEXT, 'keyFile': TEXT, 'stores': [TEXT]}],
        'options': {'*': {'minVersion': TEXT, 'maxVersion': TEXT, 'cipherSuites': [TEXT], 'curvePreferences': [TEXT], 'sniStrict': BOOL,
                          'alpnProtocols': [TEXT], 'clientAuth': {'caFiles': [TEXT], 'clientAuthType': TEXT}}},
    },
}


def fits(value, doc, where, bad):
    if isinstance(doc, dict) and isinstance(value, dict):
        for k, v in value.items():
            if k in doc or '*' in doc:
                fits(v, doc.get(k, doc.get('*')), f'{where}.{k}', bad)
            else:
                bad.append(f'{where}.{k} is not documented')
    elif isinstance(doc, list) and isinstance(value, list):
        for v in value:
            fits(v, doc[0], f'{where}[]', bad)
    elif isinstance(doc, (dict, list)) or type(value) is not doc:
        bad.append(f'{where} is {value!r}')
    return bad


def traefik(path, optional):
    import yaml
    conf = yaml.safe_load(open(path))
    bad = fits(conf, TRAEFIK, '', [])
    router, = conf['http']['routers'].values()
    options = conf['tls']['options'][router['tls']['options']]
    want = 'VerifyClientCertIfGiven' if optional else 'RequireAndVerifyClientCert'  # doc: TLS, Client Authentication
    if options['clientAuth']['clientAuthType'] != want:
        bad.append(options['clientAuth']['clientAuthType'])
    steps = [conf['http']['middlewares'][m] for m in router['middlewares']]
    gone = steps[0]['headers']['customRequestHeaders']  # doc: Headers: an empty value removes the header
    for name in 'X-Forwarded-Tls-Client-Cert', 'X-Forwarded-Tls-Client-Cert-Info':  # doc: PassTLSClientCert
        if gone.get(name) != '':
            bad.append(f'{name} is not removed before it is made')
    if 'passTLSClientCert' not in steps[1] or router['service'] not in conf['http']['services']:
        bad.append('the chain is broken')
    print(*bad, sep='\n')
    return len(bad) > 0


if sys.argv[1] == 'path':
    sys.exit(path(int(sys.argv[2]), sys.argv[3]))
sys.exit(hostile(int(sys.argv[2])) if sys.argv[1] == 'hostile' else traefik(sys.argv[2], sys.argv[3] == 'optional'))
