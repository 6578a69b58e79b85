// SPDX-License-Identifier: Apache-2.0
//
// The protocols by name.

/// A protocol that Weir reads; the name is that of `--analyzers`.
package enum AnalyzerKind: UInt8, Sendable, CaseIterable {
    case dns
    case http
    // Tunnels confirm on their outer connection; they have no dissector here.
    case vxlan
    case geneve
    case gtpv1
    case teredo
    case ayiya

    /// The name in `service`.
    package var serviceName: StaticString {
        switch self {
        case .dns: "dns"
        case .http: "http"
        case .vxlan: "vxlan"
        case .geneve: "geneve"
        case .gtpv1: "gtpv1"
        case .teredo: "teredo"
        case .ayiya: "ayiya"
        }
    }
}
