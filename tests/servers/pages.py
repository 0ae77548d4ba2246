# SPDX-License-Identifier: BSD-2-Clause
# pages.py PAGE DIR: each block of shell in a page, into DIR/01.sh … (.fails, .background: as the fence says;
# the latter are one command, which takes the shell's place).
import os
import re
import sys

text = open(sys.argv[1]).read()
blocks = re.findall(r'(?ms)^( *)```sh ?(\w*)\n(.*?)^ *```$', text)
for i, (indent, how, body) in enumerate(blocks, 1):
    body = re.sub(f'(?m)^{indent}', '', body)
    open(os.path.join(sys.argv[2], f'{i:02}.{how or "sh"}'), 'w').write('set -e\n' + ('exec ' if how == 'background' else '') + body)
print(len(blocks))
sys.exit(not blocks or text.count('```') != 2 * len(blocks))
