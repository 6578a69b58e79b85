// SPDX-License-Identifier: Apache-2.0
//
// The probe for SSH.
//
// Reads   the first octets of both directions.
// Writes  a verdict.
// Leaves  versions that do not go together (SSH.swift).

import Wire

/// `SSH-`, a version, from each side; the two belong together.
enum SSHProbe {
    static func originator(_ bytes: RawSpan) -> ProbeVerdict { banner(bytes) }
    static func responder(_ bytes: RawSpan) -> ProbeVerdict { banner(bytes) }

    private static func banner(_ bytes: RawSpan) -> ProbeVerdict {
        let verdict = bytes.beginning(with: "SSH-", at: 0, anyCase: true)
        guard verdict == .matches else { return verdict }
        guard bytes.byteCount > 4 else { return .needsMore }
        guard bytes.octet(4) == 0x31 || bytes.octet(4) == 0x32 else { return .never }
        guard bytes.byteCount > 5 else { return .needsMore }
        return bytes.octet(5) == 0x2E ? .matches : .never
    }
}
