# SPDX-License-Identifier: BSD-2-Clause
"""Servers for states.py: for each kind a function that gives its configuration file and its command.

In the texts: @P@ the port, @Q@ another one, @D@ what `ykenroll ca publish` wrote, @S@ the directory of the test, @R@ this state's own,
@C@ and @K@ the server's certificate and key.
"""
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
BACKEND = 8080  # of states.py
USER = 'user root root;' if os.getuid() == 0 else ''


def at(path):
    """A file of @D@, unless it is a path."""
    return path if path.startswith(('/', '@')) else f'@D@/{path}'


def nginx(verify='on', ca='ca-bundle.pem', crl='crl-bundle.pem', more='', page='return 200 "Welcome\\n";', http='', address='127.0.0.1',
          cert='@C@', sessions='ssl_session_cache off; ssl_session_tickets off;', name='web.test', protocols='TLSv1.2 TLSv1.3'):
    def server(address, verify, more):
        return f'''server {{
            listen {address}:@P@ ssl;
            server_name {name};
            ssl_certificate {cert};
            ssl_certificate_key {'@K@' if cert == '@C@' else cert + '.key'};
            ssl_protocols {protocols};
            ssl_client_certificate {at(ca)};
            ssl_verify_client {verify};
            {f'ssl_crl {at(crl)};' if crl else ''}
            {sessions}
            {more}
            location / {{ {page} }}
        }}'''
    text = f'''daemon off; {USER} worker_processes 1; pid @R@/pid; error_log @R@/log info; events {{ worker_connections 100; }}
    http {{ default_type text/plain; access_log off; client_body_temp_path @R@/body; proxy_temp_path @R@/proxy; fastcgi_temp_path @R@/fastcgi;
        uwsgi_temp_path @R@/uwsgi; scgi_temp_path @R@/scgi;
        {http}
        {server(address, verify, more)}
    }}'''
    return [dict(program='nginx', files={'conf': text}, run='nginx -e @R@/log -c @R@/conf', reload='HUP', says='start worker process ')]


def apache(verify='require', ca='ca-bundle.pem', crl='crl-bundle.pem', depth=2, check='chain', more='', outside='',
           protocols='+TLSv1.2 +TLSv1.3', tickets='off', cache=False, name='web.test:@P@'):
    modules = ''.join(f'LoadModule {m}_module /usr/lib/apache2/modules/mod_{m}.so\n' for m in
                      'mpm_event authz_core dir alias ssl socache_shmcb headers rewrite proxy proxy_http'.split())
    tls = '' if ca is None else f'SSLCACertificateFile {at(ca)}\nSSLVerifyDepth {depth}\n'
    tls += f'SSLVerifyClient {verify}\n' if verify else ''
    tls += f'SSLCARevocationFile {at(crl)}\n' if crl else ''
    tls += f'SSLCARevocationCheck {check}\n' if check and crl else ''
    text = modules + ('User www-data\nGroup www-data\n' if os.getuid() == 0 else '') + f'''ServerRoot @R@
DefaultRuntimeDir @R@
PidFile @R@/pid
Mutex posixsem
ErrorLog @R@/log
LogLevel info
ServerName web.test
StartServers 1
ServerLimit 2
{'SSLSessionCache shmcb:@R@/scache(512000)' if cache else ''}
Listen 127.0.0.1:@P@
<Directory @R@/www>
Require all granted
</Directory>
{outside}
<VirtualHost *:@P@>
ServerName {name}
DocumentRoot @R@/www
SSLEngine on
SSLProtocol -all {protocols}
SSLCertificateFile @C@
SSLCertificateKeyFile @K@
SSLSessionTickets {tickets}
{tls}{more}
</VirtualHost>
'''
    return [dict(program='apache2', files={'conf': text, 'www/index.html': 'Welcome\n'}, run='apache2 -d @R@ -f @R@/conf -DFOREGROUND',
                 reload='USR1', says='resuming normal operations')]


def haproxy(verify='verify required', ca='ca-file @D@/ca-bundle.pem', crl='crl-file @D@/crl-bundle.pem', bind='', rules='', page=None,
            closed=True, backend='', crt='@C@', cert_list=''):
    shut = 'tune.ssl.cachesize 0\nssl-default-bind-options no-tls-tickets\n' if closed else ''
    page = page or 'http-request return status 200 content-type text/plain string "Welcome"'
    text = f'''global
log stderr format raw local0
maxconn 100
nbthread 1
{shut}
defaults
mode http
timeout client 30s
timeout connect 2s
timeout server 30s
frontend f
bind 127.0.0.1:@P@ ssl {f'crt-list @R@/list' if cert_list else f'crt {crt}'} ssl-min-ver TLSv1.2 {verify} {ca} {crl} {bind}
{rules}
{page}
{backend}
'''
    return [dict(program='haproxy', files={'conf': text, 'list': cert_list}, run='haproxy -W -db -f @R@/conf', reload='USR2',
                 says='Loading success')]


def caddy(mode='require_and_verify', cas=('issuing.crt.pem', 'root.crt.pem'), leaves=True, page='respond "Welcome"', more='', options='',
          auth=True):
    trusted = '\n'.join(f'trusted_ca_cert_file {at(c)}' for c in cas)
    block = f'''client_auth {{
            mode {mode}
            {trusted}
            {'import @D@/leaves.caddy' if leaves else ''}
        }}''' if auth else ''
    text = f'''{{
        admin unix/@R@/caddy.sock
        storage file_system @R@/caddy
        auto_https disable_redirects
        {options}
    }}
    {more}
    https://web.test:@P@ {{
        bind 127.0.0.1
        tls @C@ @K@ {{
        {block}
        }}
        {page}
    }}
'''
    return [dict(program='caddy', files={'conf': text}, run='caddy run --config @R@/conf --adapter caddyfile',
                 reload='caddy reload --config @R@/conf --adapter caddyfile --address unix/@R@/caddy.sock')]


def lighttpd(enforce='enable', ca='ca-bundle.pem', crl='crl-bundle.pem', depth=9, tickets='-SessionTicket', more='', activate='enable'):
    text = f'''server.document-root = "@R@/www"
server.bind = "127.0.0.1"
server.port = @P@
server.modules = ("mod_openssl", "mod_redirect")
server.errorlog = "@R@/log"
index-file.names = ("index.html")
mimetype.assign = (".html" => "text/html")
ssl.engine = "enable"
ssl.pemfile = "@S@/server-chain.pem"
ssl.privkey = "@K@"
ssl.openssl.ssl-conf-cmd = ("MinProtocol" => "TLSv1.2", "Options" => "{tickets}")
ssl.verifyclient.activate = "{activate}"
ssl.verifyclient.enforce = "{enforce}"
ssl.verifyclient.depth = {depth}
ssl.verifyclient.ca-file = "{at(ca)}"
{f'ssl.verifyclient.ca-crl-file = "{at(crl)}"' if crl else ''}
{more}
'''
    return [dict(program='lighttpd', files={'conf': text, 'www/index.html': 'Welcome\n'}, run='lighttpd -D -f @R@/conf', reload='restart')]


def stunnel(ca='ca-bundle.pem', crl='crl-bundle.pem', require='yes', more='sessionResume = no', connect=BACKEND, chain='yes'):
    text = f'''foreground = yes
pid =
debug = info
output = @R@/log
[web]
accept = 127.0.0.1:@P@
connect = 127.0.0.1:{connect}
cert = @C@
key = @K@
CAfile = {at(ca)}
{f'CRLfile = {at(crl)}' if crl else ''}
sslVersionMin = TLSv1.2
verifyChain = {chain}
requireCert = {require}
{more}
'''
    return [dict(program='stunnel', files={'conf': text}, run='stunnel @R@/conf', reload='HUP')]


def gnutls(options='--require-client-cert --verify-client-cert', ca='ca-bundle.pem', crl='crl-bundle.pem', page=True, tickets='--noticket'):
    return [dict(program='gnutls-serv', files={'page': 'HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nWelcome\n'},
                 run=f'gnutls-serv --http --port=@P@ --x509certfile=@C@ --x509keyfile=@K@ --x509cafile={at(ca)} '
                 f'{f"--x509crlfile={at(crl)}" if crl else ""} {tickets} {options} {"--httpdata=@R@/page" if page else ""}', reload='restart')]


def own(reload='restart', **how):
    """A server of one's own in Python: see states_server.py."""
    return [dict(program=sys.executable, files={'own': json.dumps(dict(
        dict(port='@P@', cert='@C@', key='@K@', ca='@D@/ca-bundle.pem', crl='@D@/crl-bundle.pem'), **how))},
        run=f'{sys.executable} {HERE}/states_server.py @R@/own', reload=reload, second=how.get('port') == '@Q@')]


def node(**how):
    return [dict(program='node', files={'conf': json.dumps(dict(
        dict(port='@P@', cert='@C@', key='@K@', ca='@D@/ca-bundle.pem', crl='@D@/crl-bundle.pem', reject=True, app='all'), **how))},
        run=f'node {HERE}/states_node.js @R@/conf', reload='restart')]


def dovecot(auth='yes'):
    text = f'''base_dir = @R@/base
state_dir = @R@/state
log_path = @R@/log
protocols = imap
first_valid_uid = 0
ssl = required
ssl_cert = <@C@
ssl_key = <@K@
ssl_ca = <@R@/both
ssl_verify_client_cert = yes
auth_ssl_require_client_cert = {auth}
ssl_min_protocol = TLSv1.2
disable_plaintext_auth = yes
passdb {{
  driver = static
  args = password=x
}}
userdb {{
  driver = static
  args = uid=0 gid=0 home=@R@/home
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = 0
  }}
  inet_listener imaps {{
    address = 127.0.0.1
    port = @P@
    ssl = yes
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
'''
    return [dict(program='dovecot', files={'conf': text}, both=True, run='dovecot -F -c @R@/conf', reload='restart')]


def slapd(verify='demand', crl=True):
    text = f'''include /etc/ldap/schema/core.schema
pidfile @R@/pid
modulepath /usr/lib/ldap
moduleload back_ldif
TLSCACertificateFile @D@/ca-bundle.pem
{'TLSCRLFile @D@/crl-bundle.pem' if crl else ''}
TLSCertificateFile @C@
TLSCertificateKeyFile @K@
TLSVerifyClient {verify}
database ldif
suffix dc=test
directory @R@/db
'''
    return [dict(program='slapd', files={'conf': text, 'db/.keep': ''}, run='slapd -d 0 -f @R@/conf -h ldaps://127.0.0.1:@P@/', reload='restart')]


def nothing():
    return []


def printed(kind):
    """As `ykenroll server` prints it, in as little as it needs."""
    around = {'nginx': nginx, 'apache': apache, 'haproxy': haproxy, 'caddy': caddy}[kind]()[0]
    text = around['files']['conf']
    cut = {'nginx': ('server {', '    }\n    }'), 'apache': ('<VirtualHost', ''), 'haproxy': ('frontend f', ''), 'caddy': ('https://', '')}[kind]
    head = text[:text.index(cut[0])]
    if kind == 'apache':
        head = head.replace('127.0.0.1:', '')
    around['files'] = dict(around['files'], conf=head + '@PRINTED@' + ('\n}' if kind == 'nginx' else ''))
    around['printed'] = f'ykenroll server {kind} --name web.test --dir @D@ --listen @P@ --backend http://127.0.0.1:{BACKEND} --certificate @C@ --key @K@'
    return [around]
