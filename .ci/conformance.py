#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Run the conformance checkers and hold their results against the floors.

Reads   the suite (zeek_check.py and its cases) and the floors: lines `NAME MINIMUM  # comment`, in per cent.
Writes  a table on standard output: name, value, floor, ok or BELOW. With --raise, also the floors.
Leaves  with exit status 0 when nothing is below its floor (or there is no suite), 1 when something is,
        2 when a checker could not run or the floors and the checks do not agree.
"""
import argparse
import json
import math
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)

# One run of the checker: its cases, logs and ignored columns, and the checks that are read from the verdicts.
# A check is (name, log, what is counted). No row of dns or http has a `service`: ignoring it there changes nothing.
MORE = [
    "ssl", "x509", "ssh", "smtp", "ftp", "ntp", "ntp_control", "ntp_private", "dhcp", "syslog", "snmp", "radius",
    "postgresql", "mysql", "redis", "modbus", "dnp3", "socks", "rfb", "sip", "ldap", "ldap_search", "rdp",
    "quic", "kerberos", "files", "irc", "ntlm", "websocket",
]
ZEEK = ["conn", "dns", "http", "tunnel", "weird"] + [log for log in MORE if log != "snmp"]
LIVE = ["conn", "dns", "http", "ssl", "x509", "ssh", "smtp", "ftp", "ntp", "dhcp", "syslog", "snmp", "redis",
        "files", "ntlm", "smb_files", "smb_mapping"]
RUNS = [
    ("zeek", "conn", "service", [("zeek.conn.ignore-service", "conn", "cases")]),
    ("zeek", ",".join(ZEEK), "", [(f"zeek.{log}", log, "cases") for log in ZEEK]),
    ("live", ",".join(LIVE), "", [(f"live.{log}", log, "rows") for log in LIVE]),
]
# One run of the other checker: its name for the kind, further arguments, and the checks: (name, group or none for all).
SURICATA = [
    ("parse", [], [("suricata.parse", None)]),
    ("eve", ["--without-rules"], [("suricata.eve.without-rules", None)]),
    ("alerts", [], [("suricata.alerts.main", "main"), ("suricata.alerts.http-evader", "http-evader")]),
]
# Seconds for one run of the checker; it gives each replay a minute itself.
RUN_SECONDS_MAX = 900


def fail(sentence):
    print(f"conformance: error: {sentence}", file=sys.stderr)
    sys.exit(2)


def read_floors(path):
    """-> {name: least per cent}"""
    floors = {}
    try:
        with open(path, encoding="utf8") as file:
            lines = file.readlines()
    except OSError as error:
        fail(f"{path}: {error.strerror}")
    for number, line in enumerate(lines, 1):
        words = line.split("#")[0].split()
        if not words:
            continue
        try:
            name, minimum = words
            minimum = float(minimum)
        except ValueError:
            fail(f"{path}:{number}: expected `NAME MINIMUM`")
        if name in floors or not 0 <= minimum <= 100:
            fail(f"{path}:{number}: {name} stands twice, or its floor is not from 0 to 100")
        floors[name] = minimum
    wanted = {check[0] for run in RUNS for check in run[3]} | {check[0] for run in SURICATA for check in run[2]}
    if wanted != set(floors):
        fail(f"{path}: the floors do not match the checks: {', '.join(sorted(wanted ^ set(floors)))}")
    return floors


def run_checker(command):
    """-> the verdicts of a checker's command"""
    with tempfile.TemporaryDirectory(prefix="weir-ci-") as folder:
        verdicts = os.path.join(folder, "verdicts.json")
        try:
            done = subprocess.run(command + ["--json", verdicts], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  text=True, errors="replace", timeout=RUN_SECONDS_MAX, check=False)
        except subprocess.TimeoutExpired:
            fail(f"no end in {RUN_SECONDS_MAX} s: {' '.join(command)}")
        if done.returncode != 0 or not os.path.exists(verdicts):
            last = (done.stdout.strip().splitlines() or ["no output"])[-1]
            fail(f"exit {done.returncode}: {' '.join(command)}: {last}")
        with open(verdicts, encoding="utf8") as file:
            return json.load(file)


def zeek_command(weir, suite, cases, logs, ignore):
    command = [sys.executable, os.path.join(suite, "zeek_check.py"), "--weir", weir,
               "--cases", os.path.join(suite, cases), "--only", logs]
    return command + (["--ignore", ignore] if ignore else [])


def suricata_command(weir, suite, kind, more):
    return [sys.executable, os.path.join(suite, "suricata_check.py"), "--weir", weir,
            "--cases", os.path.join(suite, "suricata"), "--only", kind, *more]


def share(verdicts, log, counted):
    """-> per cent of the cases, or of the rows, of one log; None when it has none"""
    of_log = [verdict for verdict in verdicts if verdict["log"] == log]
    if counted == "cases":
        right, total = sum(verdict["ok"] for verdict in of_log), len(of_log)
    else:
        right, total = (sum(verdict["rows"][i] for verdict in of_log) for i in (0, 1))
    return 100 * right / total if total else None


def rounded_down(value):
    """One decimal, never upwards: a floor must not be above what was reached."""
    return math.floor(value * 10 + 1e-9) / 10


def raise_floors(path, values, floors):
    with open(path, encoding="utf8") as file:
        lines = file.read().splitlines(keepends=True)
    for number, line in enumerate(lines):
        match = re.match(r"(\S+)(\s+)([0-9.]+)", line)
        if match and values.get(match[1]) is not None:
            floor = max(floors[match[1]], rounded_down(values[match[1]]))
            text = f"{floor:.1f}"
            gap = " " * max(1, len(match[2]) + len(match[3]) - len(text))
            lines[number] = match[1] + gap + text + line[match.end():]
    with open(path, "w", encoding="utf8") as file:
        file.writelines(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weir", default=os.path.join(ROOT, ".build/release/weir"))
    parser.add_argument("--suite", default=os.path.join(ROOT, "../shared/conformance"))
    parser.add_argument("--floors", default=os.path.join(HERE, "floors"))
    parser.add_argument("--raise", dest="lift", action="store_true", help="lift the floors to what is reached")
    args = parser.parse_args()
    floors = read_floors(args.floors)
    suite = os.path.abspath(args.suite)
    if not os.path.exists(os.path.join(suite, "zeek_check.py")):
        print(f"conformance: skipped, there is no {suite}/zeek_check.py")
        return 0
    if not os.access(args.weir, os.X_OK):
        fail(f"{args.weir} cannot be run; build it first: swift build -c release --static-swift-stdlib --product weir")
    values, commands = {}, {}
    weir = os.path.abspath(args.weir)
    for kind, more, checks in SURICATA:
        command = suricata_command(weir, suite, kind, more)
        verdicts = run_checker(command)
        for name, group in checks:
            of_group = [verdict for verdict in verdicts if group in (None, verdict["group"])]
            values[name] = 100 * sum(not verdict["lines"] for verdict in of_group) / len(of_group) if of_group else None
            commands[name] = command
    for cases, logs, ignore, checks in RUNS:
        command = zeek_command(weir, suite, cases, logs, ignore)
        verdicts = run_checker(command)
        for name, log, counted in checks:
            values[name] = share(verdicts, log, counted)
            commands[name] = command
    below = []
    print(f"{'check':<26}{'value':>7}{'floor':>7}")
    for name, value in values.items():
        floor, note = floors[name], "ok"
        if value is None:
            note = "no cases"
        elif value < floor:
            note = "BELOW"
            below.append(name)
        elif rounded_down(value) > floor:
            note = f"ok, raise to {rounded_down(value):.1f}"
        print(f"{name:<26}{'-' if value is None else f'{value:.2f}':>7}{floor:>7.1f}  {note}")
    for name in below:
        print(f"{name} is below its floor; to see why: {' '.join(commands[name])} --show 3")
    if args.lift:
        raise_floors(args.floors, values, floors)
    return 1 if below else 0


if __name__ == "__main__":
    sys.exit(main())
