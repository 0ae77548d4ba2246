# SPDX-License-Identifier: BSD-2-Clause
"""What verify-server has to say of which server, written beforehand from what is true.

State(name, server, code, id, why, …). The code: 0 where exactly who holds a live certificate of this CA gets in; 13 where
somebody else does, or one of them does not; 10 where that cannot be known from outside; 12 for the server's own
certificate; 1 for what cannot be reached. The id is that of --json (finding_id), an expression; '' for none.

who: who really gets in, which states.py tries by itself, in letters:
  L live, with the issuing CA's certificate	l live, the leaf alone
  n nobody's: no certificate			o of another CA with our names		f of the partner's CA
  g revoked just now				G revoked before that
  e of ours, for servers (no clientAuth)	d of ours, which has ended
  2 no certificate, at the second address
  h no certificate, the right Host under another name in the handshake; x under none
  s no certificate, by a session of another name
  t live, by her own session, who does not
  r revoked, by a session from before (states that are prepared); revoked after all probes (since)

dir: which of the published directories the server reads. options: of verify-server. host: two.test has two addresses.
prepare: --prepare URL, publication and reload come before; 'since': somebody is revoked, and the server knows no more than
the probes. limit: what really is differs from what can be seen from outside. open: what verify-server says today, where that
is not what it should say; a state that is right must not be open.
"""
from collections import namedtuple

from states_conf import apache, caddy, dovecot, gnutls, haproxy, lighttpd, nginx, node, nothing, own, printed, slapd, stunnel

State = namedtuple('State', 'name server code id why who dir options prepare host url port limit open',
                   defaults=('Ll', 'fresh', '', False, 'web.test', 'https://@H@:@P@/', 0, False, ''))

RIGHT = (0, 'right')
RESUMES = (10, 'resumes', 'of whom, nobody knows before --prepare')
NO_NAMES = (10, 'incomplete', 'names no CA: it may trust others')
FOREIGN = 'who is of the other CA gets in, and the server names that CA to everybody'


def nginx_second(verify, crl='crl-bundle.pem'):
    """Another server at 127.0.0.2."""
    return f'''server {{ listen 127.0.0.2:@P@ ssl; ssl_certificate @C@; ssl_certificate_key @K@; ssl_session_cache off; ssl_session_tickets off;
        ssl_client_certificate @D@/ca-bundle.pem; ssl_verify_client {verify}; ssl_crl @D@/{crl}; location / {{ return 200 "Welcome\\n"; }} }}'''



def behind_stunnel(speaks):
    return stunnel(connect='@Q@') + own(plain=True, speaks=speaks, port='@Q@')


NGINX_PUBLIC = '''server { listen 127.0.0.1:@P@ ssl default_server; server_name public.test; ssl_certificate @C@; ssl_certificate_key @K@;
    ssl_session_cache shared:all:1m; location / { return 200 "public\\n"; } }'''
WELCOME_OR = 'if ($ssl_client_verify != SUCCESS) { %s } return 200 "Welcome\\n";'
NGINX_ECHO = 'location /echo { proxy_pass http://127.0.0.1:8080/echo; %s }'
HAPROXY_ECHO = ('backend app\nserver a 127.0.0.1:8080', 'default_backend app')
HAPROXY_NAMES = '@S@/public.pem [verify none] public.test\n@C@ [verify required ca-file @D@/ca-bundle.pem crl-file @D@/crl-bundle.pem] web.test\n'
APACHE_PUBLIC = '''<VirtualHost *:@P@>
ServerName public.test
DocumentRoot @R@/www
SSLEngine on
SSLCertificateFile @C@
SSLCertificateKeyFile @K@
</VirtualHost>'''
APACHE_LOCATION = '<Location />\nSSLVerifyClient require\nSSLVerifyDepth 2\n</Location>'
CADDY_PUBLIC = 'https://public.test:@P@ {\nbind 127.0.0.1\ntls @C@ @K@\nrespond "public"\n}'
GNUTLS_OWN = '--require-client-cert'

STATES = [
    # ---- as printed ----
    State('nginx-printed', printed('nginx'), *RIGHT, 'as printed'),
    State('apache-printed', printed('apache'), *RIGHT, 'as printed'),
    State('haproxy-printed', printed('haproxy'), *RIGHT, 'as printed'),
    State('caddy-printed', printed('caddy'), *RIGHT, 'as printed: Go resumes sessions, and looks at the certificate again', prepare=True),
    State('caddy-printed-unprepared', printed('caddy'), *RESUMES),
    State('nginx-printed-echo', printed('nginx'), *RIGHT, 'what the client says of itself is replaced', options='--echo /echo'),
    State('apache-printed-echo', printed('apache'), *RIGHT, 'the same', options='--echo /echo'),
    State('haproxy-printed-echo', printed('haproxy'), *RIGHT, 'the same', options='--echo /echo'),
    State('caddy-printed-echo', printed('caddy'), *RIGHT, 'the same', options='--echo /echo', prepare=True),

    # ---- which CA certificates the server has ----
    State('nginx-root-only', nginx(ca='root.crt.pem'), 13, 'needs-chain', 'tokens and the printed curl send the leaf alone', who='L'),
    State('apache-root-only', apache(ca='root.crt.pem'), 13, 'needs-chain', 'the same', who='L'),
    State('haproxy-root-only', haproxy(ca='ca-file @D@/root.crt.pem'), 13, 'needs-chain', 'the same', who='L'),
    State('caddy-root-only', caddy(cas=['root.crt.pem']), 13, 'needs-chain', 'the same', who='L'),
    State('lighttpd-root-only', lighttpd(ca='root.crt.pem'), 13, 'needs-chain', 'the same', who='L'),
    State('stunnel-root-only', stunnel(ca='root.crt.pem'), 13, 'needs-chain', 'the same', who='L'),
    State('nginx-issuing-only', nginx(ca='issuing.crt.pem'), 13, 'refuses-all', 'OpenSSL wants the root', who=''),
    State('apache-issuing-only', apache(ca='issuing.crt.pem'), 13, 'refuses-all', 'OpenSSL wants the root', who=''),
    State('caddy-issuing-only', caddy(cas=['issuing.crt.pem']), *RIGHT, 'Go is content with an issuing CA', prepare=True),
    State('nginx-depth-0', nginx(more='ssl_verify_depth 0;'), 13, 'refuses-all', 'no place for the issuing CA', who=''),
    State('nginx-depth-1', nginx(more='ssl_verify_depth 1;'), *RIGHT, 'nginx counts the CAs between'),
    State('apache-depth-1', apache(depth=1), 13, 'refuses-all', 'Apache counts the root', who=''),
    State('lighttpd-depth-0', lighttpd(depth=0), 13, 'refuses-all', 'no place for the issuing CA', who=''),
    State('nginx-foreign', nginx(), 13, 'other-ca-announced', FOREIGN, who='Llf', dir='foreign'),
    State('apache-foreign', apache(), 13, 'other-ca-announced', FOREIGN, who='Llf', dir='foreign'),
    State('haproxy-foreign', haproxy(), 13, 'other-ca-announced', FOREIGN, who='Llf', dir='foreign'),
    State('lighttpd-foreign', lighttpd(), 13, 'other-ca-announced', FOREIGN, who='Llf', dir='foreign'),
    State('nginx-foreign-no-crl', nginx(ca='@S@/state/foreign/ca-bundle.pem'), 13, 'other-ca-announced',
          'it trusts the other CA, whose people the missing CRL keeps out today', who='Ll'),
    State('nginx-foreign-silent', nginx(more='ssl_trusted_certificate @S@/partner.pem;', crl='@S@/state/foreign/crl-bundle.pem'), *RIGHT,
          'who is of the other CA gets in, and nothing that the server says shows it', who='Llf', limit=True),
    State('haproxy-foreign-silent', haproxy(bind='ca-verify-file @S@/partner.pem', crl='crl-file @S@/state/foreign/crl-bundle.pem'),
          *RIGHT, 'the same', who='Llf', limit=True),
    State('nginx-former', nginx(), *RIGHT, 'the former issuing certificate and the new one are both ours', dir='former'),
    State('apache-former', apache(), *RIGHT, 'the same', dir='former'),
    State('nginx-former-only', nginx(), *RIGHT, 'the key is the same', dir='formeronly'),
    State('apache-announces-another', apache(more='SSLCADNRequestFile @S@/partner.pem'), 13, 'other-ca-announced',
          'a browser finds no certificate of ours to offer'),
    State('python', own(), *NO_NAMES),

    # ---- CRLs ----
    State('nginx-crl-stale', nginx(), 13, 'revoked', 'the list is from before the newest revocation', who='Llg', dir='stale'),
    State('apache-crl-stale', apache(), 13, 'revoked', 'the same', who='Llg', dir='stale'),
    State('haproxy-crl-stale', haproxy(), 13, 'revoked', 'the same', who='Llg', dir='stale'),
    State('caddy-list-stale', caddy(), 13, 'revoked', 'the same', who='Llg', dir='stale'),
    State('nginx-crl-expired', nginx(), 13, 'refuses-all', 'an expired CRL', who='', dir='expired'),
    State('apache-crl-expired', apache(), 13, 'refuses-all', 'an expired CRL', who='', dir='expired'),
    State('haproxy-crl-expired', haproxy(), 13, 'refuses-all', 'an expired CRL', who='', dir='expired'),
    State('gnutls-crl-expired', gnutls(), 13, 'revoked|wrong-eku',
          'GnuTLS takes an expired CRL, which does not list the newest', who='Lle', dir='expired'),
    State('nginx-crl-noroot', nginx(), 13, 'refuses-all', "the root's CRL is not there", who='', dir='noroot'),
    State('apache-crl-leaf', apache(check='leaf'), *RIGHT, "then the root's CRL is not needed", dir='noroot'),
    State('nginx-crl-none', nginx(crl=''), 13, 'revoked', 'no CRL', who='LlgG'),
    State('apache-crl-unchecked', apache(check=''), 13, 'revoked', 'CRLs without SSLCARevocationCheck', who='LlgG'),
    State('apache-crl-missing-ok', apache(check='chain no_crl_for_cert_ok', crl='@S@/partner-crl.pem'), 13, 'revoked',
          'whose CRL is missing is not checked', who='LlgG'),
    State('haproxy-crl-none', haproxy(crl=''), 13, 'revoked', 'no CRL', who='LlgG'),
    State('haproxy-crl-ignored', haproxy(bind='crt-ignore-err 23'), 13, 'revoked', 'revoked is no error here', who='LlgG'),
    State('caddy-no-list', caddy(leaves=False), 13, 'revoked', 'Caddy looks at no CRL', who='LlgG'),
    State('lighttpd-crl-none', lighttpd(crl=''), 13, 'revoked', 'no CRL', who='LlgG'),
    State('stunnel-crl-none', stunnel(crl=''), 13, 'revoked', 'no CRL', who='LlgG'),
    State('python-crl-none', own(crl=None), 13, 'revoked', 'whoever writes one forgets them', who='LlgG'),
    State('node-crl-none', node(crl=None), 13, 'revoked', 'the same', who='LlgG'),

    # ---- right, elsewhere ----
    State('lighttpd', lighttpd(), *RIGHT, 'as it should be'),
    State('stunnel', stunnel(), *RIGHT, 'as it should be'),
    State('nginx-tls12', nginx(protocols='TLSv1.2'), *RIGHT, 'TLS 1.2 alone'),
    State('nginx-tls13', nginx(protocols='TLSv1.3'), *RIGHT, 'TLS 1.3 alone'),
    State('apache-tls12', apache(protocols='+TLSv1.2'), *RIGHT, 'TLS 1.2 alone'),
    State('python-tls13', own(versions='1.3'), *NO_NAMES),
    State('python-early-hints', own(early=True), *NO_NAMES),
    State('haproxy-early-hints', haproxy(page='default_backend app\nhttp-request set-path /early', backend=HAPROXY_ECHO[0]), *RIGHT,
          '103 comes before 200'),
    State('nginx-slow', nginx(page='proxy_pass http://127.0.0.1:8080/slow;'), *RIGHT, 'three seconds are no refusal'),
    State('nginx-closes-strangers', nginx(verify='optional', page=WELCOME_OR % 'return 444;'), *RIGHT,
          'no certificate: the connection ends without a word'),
    State('python-closes-strangers', own(verify='optional', app='close'), *NO_NAMES),

    # ---- a certificate is optional, or any will do ----
    State('nginx-optional', nginx(verify='optional'), 13, 'no-certificate', 'the same page for everybody', who='Lln'),
    State('nginx-optional-meant', nginx(verify='optional'), *RIGHT, 'that was meant', who='Lln', options='--optional'),
    State('nginx-optional-no-ca', nginx(verify='optional_no_ca'), 13, 'no-certificate', 'the same page for everybody', who='Llnof'),
    State('nginx-optional-403', nginx(verify='optional_no_ca', page=WELCOME_OR % 'return 403;'),
          *RIGHT, 'the application asks who it is'),
    State('nginx-any-certificate', nginx(verify='optional_no_ca', page='if ($ssl_client_verify = NONE) { return 403; } return 200 "Welcome\\n";'),
          13, 'other-ca', 'the application asks only whether there is one', who='Llof'),
    State('apache-optional', apache(verify='optional'), 13, 'no-certificate', 'the same page for everybody', who='Lln'),
    State('apache-issuer-name', apache(verify='optional_no_ca', crl='', more='<Location />\nRequire expr "%{SSL_CLIENT_I_DN} =~ /Test/"\n</Location>'),
          13, 'other-ca|revoked', 'another CA may have that name, too', who='LlogG'),
    State('haproxy-optional', haproxy(verify='verify optional'), 13, 'no-certificate', 'the same page for everybody', who='Lln'),
    State('haproxy-ignores-all', haproxy(bind='ca-ignore-err all crt-ignore-err all'), 13, 'other-ca', 'no error is one', who='LlofgGed'),
    State('haproxy-denies', haproxy(bind='ca-ignore-err all crt-ignore-err all', rules='http-request deny if !{ ssl_c_verify 0 }'), *RIGHT,
          'the rule refuses what the handshake does not'),
    State('caddy-optional', caddy(mode='verify_if_given', leaves=False), 13, 'no-certificate', 'the same page for everybody', who='LlngG'),
    State('caddy-any', caddy(mode='require', leaves=False), 13, 'other-ca', 'asked for and not looked at', who='LlofgGed'),
    State('lighttpd-optional', lighttpd(enforce='disable'), 13, 'no-certificate', 'the same page for everybody', who='LlnofgGed'),
    State('stunnel-optional', stunnel(require='no'), 13, 'no-certificate', 'verifyChain without requireCert', who='Lln'),
    State('stunnel-unverified', stunnel(chain='no'), 13, 'other-ca', 'requireCert without verifyChain', who='LlofgGed'),
    State('node-unverified', node(reject=False), 13, 'no-certificate', 'rejectUnauthorized: false, and nobody asks', who='LlnofgGed'),
    State('node-present', node(reject=False, app='present'), 13, 'other-ca', 'any certificate will do', who='LlofgGed'),
    State('node-issuer', node(reject=False, app='issuer'), 13, 'other-ca|revoked', 'another CA may have that name, too', who='LlogGed'),

    # ---- what a certificate is for ----
    State('gnutls', gnutls(), 13, 'wrong-eku', 'GnuTLS does not look at what a certificate is for', who='Lle'),
    State('gnutls-unverified', gnutls('--require-client-cert'), 13, 'other-ca', 'required, and not verified', who='LlofgGed'),
    State('gnutls-not-asked', gnutls('--disable-client-cert'), 13, 'no-certificate', 'not asked for', who='LlnofgGed'),
    State('haproxy-purpose-ignored', haproxy(bind='crt-ignore-err 26'), 13, 'wrong-eku', 'purpose is no error here', who='Lle'),
    State('node-purpose', node(reject=False, app='purpose'), 13, 'other-session', 'the same, and what the next one has', who='Lles'),
    State('node-authorized', node(reject=False, app='authorized'), 13, 'other-session',
          "Node says 'authorized' of a resumed session of nobody's", who='Lls'),
    State('haproxy-expired-ignored', haproxy(bind='crt-ignore-err 10'), 13, 'expired', 'what has ended is no error here', who='Lld'),

    # ---- sessions ----
    State('nginx-tickets', nginx(sessions=''), *RESUMES),
    State('nginx-cache', nginx(sessions='ssl_session_cache shared:a:1m; ssl_session_tickets off;'), 10, 'resumes', 'the same'),
    State('nginx-cache-revoked', nginx(sessions='ssl_session_cache shared:a:1m; ssl_session_tickets off;'), 13, 'resumed',
          'the cache outlives a reload', who='Llr', prepare=True),
    State('nginx-tickets-revoked', nginx(sessions=''), *RIGHT, 'a reload makes new keys for tickets', prepare=True),
    State('nginx-closed-revoked', nginx(), *RIGHT, 'no session is resumed', prepare=True),
    State('apache-tickets', apache(tickets='on', cache=True), *RESUMES),
    State('apache-tickets-revoked', apache(tickets='on', cache=True), *RIGHT, 'a reload ends them', prepare=True),
    State('haproxy-cache', haproxy(closed=False), *RESUMES),
    State('haproxy-cache-revoked', haproxy(closed=False), *RIGHT, 'a reload ends them', prepare=True),
    State('haproxy-resumed-denied', haproxy(closed=False, rules='http-request deny if { ssl_fc_is_resumed }'), 13, 'refuses-some',
          'who comes a second time is refused: sessions are kept, and no good', who='Llt'),
    State('caddy-revoked', caddy(), *RIGHT, 'Go looks at the certificate again', prepare=True),
    State('python-sessions', own(shared=True), *RESUMES),
    State('python-sessions-revoked', own(shared=True, reload='HUP'), 13, 'resumed', 'it reads the new CRL into the same context', who='Llr', prepare=True),
    State('node-sessions', node(), *RESUMES),
    State('node-sessions-revoked', node(), *RIGHT, 'started anew for its CRL', prepare=True),
    State('stunnel-sessions', stunnel(more=''), *RESUMES),
    State('stunnel-sessions-revoked', stunnel(more=''), *RIGHT, 'a reload ends them', prepare=True),
    State('lighttpd-sessions', lighttpd(tickets='SessionTicket'), *RESUMES),
    State('lighttpd-sessions-revoked', lighttpd(tickets='SessionTicket'), *RIGHT, 'started anew for its CRL', prepare=True),

    # ---- other names at the same address ----
    State('nginx-two-names', nginx(http=NGINX_PUBLIC, sessions='ssl_session_cache shared:all:1m;'), 10, 'resumes',
          'nginx refuses a Host that is not the name of the handshake, and sessions without a certificate'),
    State('nginx-two-names-closed', nginx(http=NGINX_PUBLIC), *RIGHT, 'the same, and keeps no sessions here'),
    State('apache-two-names', apache(outside=APACHE_PUBLIC, name='web.test'), *RIGHT, 'Apache refuses a Host with other settings (421)'),
    State('haproxy-by-host', haproxy(verify='', ca='', crl='', cert_list=HAPROXY_NAMES), 13, 'other-name',
          'asked for by name, and answered by Host', who='Llhx'),
    State('haproxy-by-host-strict', haproxy(verify='', ca='', crl='', cert_list=HAPROXY_NAMES, bind='strict-sni'), 13, 'other-name',
          'the other name is in the certificate', who='Llh'),
    State('haproxy-by-name', haproxy(verify='', ca='', crl='', cert_list=HAPROXY_NAMES,
                                     rules='http-request deny if !{ ssl_fc_sni web.test }'), *RIGHT, 'what was not asked for is refused'),
    State('haproxy-name-and-session', haproxy(verify='', ca='', crl='', cert_list=HAPROXY_NAMES, closed=False,
                                              rules='http-request deny if { req.hdr(host) -m beg web.test } !{ ssl_fc_sni web.test }'),
          13, 'other-session', 'a session of the public name comes in by the other', who='Lls'),
    State('caddy-two-names', caddy(more=CADDY_PUBLIC), *RIGHT, 'Caddy compares Host and name by itself', prepare=True),
    State('caddy-by-host', caddy(more=CADDY_PUBLIC, options='servers {\nstrict_sni_host insecure_off\n}'), 13, 'other-name',
          'unless it is told not to; the other name is in its certificate', who='Llh', prepare=True),

    # ---- two addresses ----
    State('two-right', nginx(http=nginx_second('on'), name='two.test'), *RIGHT, 'both are right', host='two.test'),
    State('two-open', nginx(http=nginx_second('optional'), name='two.test'), 13, 'no-certificate', 'the second lets everybody in',
          who='Ll2', host='two.test'),
    State('two-shut', nginx(http=nginx_second('on', '../expired/crl-bundle.pem'), name='two.test'), 13, 'refuses-(all|some)',
          'the second lets nobody in', host='two.test'),
    State('two-absent', nginx(name='two.test'), 10, '.*', 'what the second does when it is there is not known', host='two.test'),

    # ---- who one is, in headers ----
    State('front-passes', nginx(more=NGINX_ECHO % ''), 13, 'spoofed', "the client's own X-SSL-Client-CN reaches the application",
          options='--echo /echo'),
    State('front-passes-unasked', nginx(more=NGINX_ECHO % ''), *RIGHT, 'not asked for: nothing is said of it'),
    State('front-sets', nginx(more=NGINX_ECHO % 'proxy_set_header X-SSL-Client-CN $ssl_client_s_dn;'), *RIGHT, "the client's is replaced",
          options='--echo /echo'),
    State('front-underscores', nginx(more=NGINX_ECHO % 'proxy_set_header X-SSL-Client-CN $ssl_client_s_dn;' + 'underscores_in_headers on;'),
          13, 'spoofed', 'X_SSL_Client_CN reaches the application, which takes it for the same', options='--echo /echo'),
    State('front-adds', haproxy(page=HAPROXY_ECHO[1], backend=HAPROXY_ECHO[0], rules='http-request add-header X-SSL-Client-CN %[ssl_c_s_dn(cn)]'),
          13, 'spoofed', "the client's comes first, the front's is added", options='--echo /echo'),
    State('front-optional', haproxy(verify='verify optional', page=HAPROXY_ECHO[1], backend=HAPROXY_ECHO[0],
                                    rules='http-request set-header X-SSL-Client-CN %[ssl_c_s_dn(cn)] if { ssl_c_used }'),
          13, 'spoofed', 'who has no certificate says who she is', who='Lln', options='--optional --echo /echo'),
    State('no-echo', nginx(), 10, '.*', 'that page shows no headers: asked, and not known', options='--echo /nothing'),

    # ---- what the application answers ----
    State('app-down', nginx(page='proxy_pass http://127.0.0.1:9;'), 10, 'no-answer', '502 for who is in', who=''),
    State('app-503', nginx(page='return 503;'), 10, 'no-answer', '503', who=''),
    State('app-429', nginx(page='return 429;'), 10, 'no-answer', '429', who=''),
    State('app-404', nginx(page='return 404;'), 10, 'no-answer', 'the path is wrong', who=''),
    State('app-redirects', nginx(page='return 302 https://login.test/;'), 10, 'no-answer', 'where it goes is another server', who=''),
    State('app-redirects-all', nginx(verify='optional', page='return 302 https://login.test/;'), 10, 'no-answer', 'everybody alike', who=''),
    State('app-404-all', nginx(verify='optional', page='return 404;'), 10, 'no-answer', 'everybody alike', who=''),
    State('app-403-all', nginx(page='return 403;'), 13, 'refuses-all', 'who is valid is refused', who=''),
    State('redirects-strangers', nginx(verify='optional', page=WELCOME_OR % 'return 302 https://login.test/;'),
          *RIGHT, 'a redirect is no page'),
    State('404-for-strangers', nginx(verify='optional', page=WELCOME_OR % 'return 404;'),
          *RIGHT, 'neither is 404'),
    State('apache-redirects-strangers', apache(verify='optional', more='RewriteEngine on\nRewriteCond "%{SSL:SSL_CLIENT_VERIFY}" "!=SUCCESS"\n'
                                               'RewriteRule ^ https://login.test/ [R=302,L]'), *RIGHT, 'a redirect is no page'),
    State('nginx-sorry', nginx(more='error_page 495 496 =200 /sorry; location = /sorry { return 200 "Sorry\\n"; }'), 10, 'unclear',
          'another page than the valid one gets: which is the right one?'),
    State('nginx-sorry-expect', nginx(more='error_page 495 496 =200 /sorry; location = /sorry { return 200 "Sorry\\n"; }'), *RIGHT,
          'it was said what the right one shows', options='--expect Welcome'),
    State('nginx-hello', nginx(verify='optional', page='return 200 "Welcome, <$ssl_client_s_dn>\\n";'), '10|13', 'unclear|no-certificate',
          'a page for who it is, and another one for nobody', who='Lln'),
    State('nginx-hello-expect', nginx(verify='optional', page='return 200 "Welcome, <$ssl_client_s_dn>\\n";'), 13, 'no-certificate',
          'it was said what who is in sees', who='Lln', options='--expect Welcome'),
    State('nginx-login', nginx(verify='optional', page=WELCOME_OR % 'return 200 "Who are you?\\n";'), 10, 'unclear',
          'another page than the valid one gets: which is the right one?'),
    State('nginx-login-expect', nginx(verify='optional', page=WELCOME_OR % 'return 200 "Who are you?\\n";'), *RIGHT,
          'it was said what the right one shows', options='--expect Welcome'),
    State('nginx-guest', nginx(verify='optional_no_ca', page=WELCOME_OR.replace('Welcome', 'Welcome, Alice') % 'return 200 "Welcome, guest\\n";'),
          '10|13', 'unclear|no-certificate|other-ca', 'everybody is a guest: another page, and in', who='Llnof'),
    State('node-guest', node(reject=False, app='guest'), '10|13', 'unclear|no-certificate|other-session', 'everybody is a guest: another page, and in',
          who='LlnofgGed'),
    State('nginx-expect-amiss', nginx(), '10|13', '.*', 'the valid one does not see what was said, either', options='--expect Goodbye'),
    State('python-hangs', own(hang=True), 10, 'no-answer|untested', 'no answer in time', who='', options='--timeout 2'),
    State('python-closes-all', own(verify='none', app='close'), 13, 'refuses-all', 'who is valid gets nothing', who=''),
    State('apache-location-tls13', apache(verify='', more=APACHE_LOCATION, protocols='+TLSv1.3'), 13, 'post-handshake',
          'asked after the handshake, which no browser answers'),
    State('apache-location', apache(verify='', more=APACHE_LOCATION), 13, 'post-handshake', 'the same, and TLS 1.3 is what browsers speak'),
    State('apache-location-tls12', apache(verify='', more=APACHE_LOCATION, protocols='+TLSv1.2'), *RIGHT, 'TLS 1.2 shakes hands again'),

    # ---- mail, directory, anything ----
    State('imaps', behind_stunnel('imap'), *RIGHT, 'a certificate is required', url='imaps://@H@:@P@'),
    State('imaps-optional', own(speaks='imap', verify='optional'), 13, 'no-certificate', 'everybody is greeted', who='Lln',
          url='imaps://@H@:@P@'),
    State('imaps-by-port', behind_stunnel('imap'), *RIGHT, 'known by its number', url='@H@:993', port=993),
    State('pop3s', behind_stunnel('pop3'), *RIGHT, 'a certificate is required', url='pop3s://@H@:@P@'),
    State('pop3s-by-port-crl-none', own(speaks='pop3', crl=None), 13, 'revoked', 'no CRL', who='LlgG', url='@H@:995', port=995),
    State('smtps', behind_stunnel('smtp'), *RIGHT, 'a certificate is required', url='smtps://@H@:@P@'),
    State('smtps-by-port', own(speaks='smtp', verify='none'), 13, 'no-certificate', 'not asked for', who='LlnofgGed', url='@H@:465', port=465),
    State('ldaps', behind_stunnel('ldap'), *RIGHT, 'a certificate is required', url='ldaps://@H@:@P@'),
    State('ldaps-optional', own(speaks='ldap', verify='optional'), 13, 'no-certificate', 'not required', who='Lln', url='ldaps://@H@:@P@'),
    State('ldaps-by-port', behind_stunnel('ldap'), *RIGHT, 'known by its number', url='@H@:636', port=636),
    State('tls', behind_stunnel('tls'), *RIGHT, 'a certificate is required', url='tls://@H@:@P@'),
    State('tls-optional', own(speaks='tls', verify='optional'), 13, 'no-certificate', 'not required', who='Lln', url='tls://@H@:@P@'),
    State('slapd', slapd(), 13, 'wrong-eku', "Debian's slapd is made with GnuTLS", who='Lle', url='ldaps://@H@:@P@'),
    State('slapd-try', slapd(verify='try'), 13, 'no-certificate', 'not required', who='Llne', url='ldaps://@H@:@P@'),
    State('slapd-crl-none', slapd(crl=False), 13, 'revoked', 'no CRL', who='LlgGe', url='ldaps://@H@:@P@'),

    State('dovecot', dovecot(), 10, '.*', 'greets everybody, and looks at the certificate when somebody authenticates', who='LlnofgGed',
          url='imaps://@H@:@P@',
          open='13 no-certificate'),

    # ---- no server to speak of ----
    State('own-expired', nginx(cert='@S@/server-expired.pem'), 12, '', "the server's own certificate has expired", who=''),
    State('own-name', nginx(cert='@S@/server-other.pem'), 12, '', "the server's own certificate has another name", who=''),
    State('own-ca', nginx(cert='@S@/server-self.pem'), 12, '', 'nobody vouches for the server', who=''),
    State('nobody-there', nothing(), 1, '', 'nobody listens', who=''),
    State('plain', own(plain=True), 1, '', 'no TLS there', who=''),
    State('closes', own(close=True), '1|10', '.*', 'taken, and let go before a word', who=''),

    # ---- last, since after it the probes are not the newest any more ----
    State('nginx-revoked-since', nginx(), 10, '.*', 'somebody was revoked after the newest probe: whether the server knows, nobody can see',
          who='Llr', prepare='since'),
]
