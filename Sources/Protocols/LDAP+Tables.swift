// SPDX-License-Identifier: Apache-2.0
//
// The results of LDAP by name (RFC 4511 appendix A, and the registry of IANA).
//
// Reads   a result code.
// Writes  its name.
// Leaves  everything else (LDAP.swift).

extension LDAPResult {
    /// The name of a result; `unknown` for one that has none.
    static func names(_ code: Int64) -> StaticString {
        guard let code = UInt8(exactly: code) else { return "unknown" }
        for entry in table where entry.code == code { return entry.name }
        return "unknown"
    }

    private static let table: [(code: UInt8, name: StaticString)] = [
        (0, "success"),
        (1, "operations error"),
        (2, "protocol error"),
        (3, "time limit exceeded"),
        (4, "size limit exceeded"),
        (5, "compare false"),
        (6, "compare true"),
        (7, "auth method not supported"),
        (8, "stronger auth required"),
        (9, "partial results"),
        (10, "referral"),
        (11, "admin limit exceeded"),
        (12, "unavailable critical extension"),
        (13, "confidentiality required"),
        (14, "SASL bind in progress"),
        (16, "no such attribute"),
        (17, "undefined attribute type"),
        (18, "inappropriate matching"),
        (19, "constraint violation"),
        (20, "attribute or value exists"),
        (21, "invalid attribute syntax"),
        (32, "no such object"),
        (33, "alias problem"),
        (34, "invalid DN syntax"),
        (36, "alias dereferencing problem"),
        (48, "inappropriate authentication"),
        (49, "invalid credentials"),
        (50, "insufficient access rights"),
        (51, "busy"),
        (52, "unavailable"),
        (53, "unwilling to perform"),
        (54, "loop detect"),
        (60, "sort control missing"),
        (61, "offset range error"),
        (64, "naming violation"),
        (65, "object class violation"),
        (66, "not allowed on non-leaf"),
        (67, "not allowed on RDN"),
        (68, "entry already exists"),
        (69, "object class mods prohibited"),
        (70, "results too large"),
        (71, "affects multiple DSAs"),
        (76, "control error"),
        (80, "other"),
        (81, "server down"),
        (82, "local error"),
        (83, "encoding error"),
        (84, "decoding error"),
        (85, "timeout"),
        (86, "auth unknown"),
        (87, "filter error"),
        (88, "user canceled"),
        (89, "param error"),
        (90, "no memory"),
        (91, "connect error"),
        (92, "not supported"),
        (93, "control not found"),
        (94, "no results returned"),
        (95, "more results to return"),
        (96, "client loop"),
        (97, "referral limit exceeded"),
        (100, "invalid response"),
        (101, "ambiguous response"),
        (112, "TLS not supported"),
        (113, "intermediate response"),
        (114, "unknown type"),
        (115, "LCUP invalid data"),
        (116, "LCUP unsupported scheme"),
        (117, "LCUP reload required"),
        (118, "canceled"),
        (119, "no such operation"),
        (120, "too late"),
        (121, "cannot cancel"),
        (122, "assertion failed"),
        (123, "authorization denied"),
    ]
}
