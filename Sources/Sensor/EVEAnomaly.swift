// SPDX-License-Identifier: Apache-2.0
//
// What EVE's `anomaly` calls the events that rules know.
//
// Reads   names of the rule language, `smtp.invalid_bdat`.
// Writes  the application and the event as Suricata's log spells them.
// Leaves  when an event is raised (the protocols).

enum EVEAnomaly {
    /// Protocols whose events Suricata logs in capitals: those written in C.
    private static let inCapitals: [[UInt8]] = ["http", "smtp", "tls", "dnp3"].map { Array($0.utf8) }

    static func names(_ application: [UInt8], _ event: [UInt8]) -> (application: [UInt8], event: [UInt8]) {
        let shown: [UInt8] =
            switch String(decoding: application, as: UTF8.self) {
            case "krb": Array("krb5".utf8)
            case "bittorrent_dht": Array("bittorrent-dht".utf8)
            default: application
            }
        guard inCapitals.contains(application) else { return (shown, event) }
        return (shown, event.map { $0 &- 0x61 < 26 ? $0 &- 0x20 : $0 })
    }
}
