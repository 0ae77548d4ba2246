# SPDX-License-Identifier: BSD-2-Clause
# What systemd does for a service with a socket: service.py [--cred NAME=FILE:MODE]... [--socket PATH] -- COMMAND...
# opens the socket, tells the command of it, and prints what the command says to it. Ends with the command's status.
import os
import select
import socket
import sys
import tempfile

args = sys.argv[1:]
mine, command = args[: args.index("--")], args[args.index("--") + 1 :]
env = dict(os.environ)
where = tempfile.mkdtemp(prefix="service.", dir=os.environ["T"])
notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
if "--abstract" in mine:
    name = "ykenroll-test-%d" % os.getpid()
    notify.bind("\0" + name)
    env["NOTIFY_SOCKET"] = "@" + name
    mine.remove("--abstract")
else:
    env["NOTIFY_SOCKET"] = os.path.join(where, "notify")
    notify.bind(env["NOTIFY_SOCKET"])
listener, kind = None, socket.SOCK_STREAM
while mine:
    word, value = mine.pop(0), mine.pop(0)
    if word == "--cred":
        name, file = value.split("=")
        file, mode = file.rsplit(":", 1)
        env["CREDENTIALS_DIRECTORY"] = where
        with open(os.path.join(where, name), "w") as f:
            f.write(open(file).read())
        os.chmod(os.path.join(where, name), int(mode, 8))
    elif word == "--datagram":
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        listener.bind(value)
    elif word == "--socket":
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(value)
        os.chmod(value, 0o660)
        listener.listen(16)

pid = os.fork()
if pid == 0:
    if listener is not None:
        os.dup2(listener.fileno(), 3)
        env["LISTEN_PID"], env["LISTEN_FDS"] = str(os.getpid()), "1"
    os.execvpe(command[0], command, env)
if listener is not None:
    listener.close()
print("pid", pid, flush=True)
while True:
    ready, _, _ = select.select([notify], [], [], 0.1)
    if ready:
        print("notify", notify.recv(1024).decode(), flush=True)
    done, status = os.waitpid(pid, os.WNOHANG)
    if done:
        print("ended", os.waitstatus_to_exitcode(status), flush=True)
        sys.exit(abs(os.waitstatus_to_exitcode(status)))
