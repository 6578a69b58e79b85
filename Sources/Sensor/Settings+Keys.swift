// SPDX-License-Identifier: Apache-2.0
//
// The keys of the configuration, each with a sentence and its setter.

import Flows
import Logs
import Protocols
import Records

extension Settings {
    /// Every key, in the order of Config/weir.yaml.
    package static let keys: [SettingKey] =
        general + capture + flow + protocolKeys + fileKeys + signatureKeys + intelKeys + cloudKeys + huntKeys + output
        + storeKeys + packetKeys

    private static let general: [SettingKey] = [
        SettingKey(name: "sensor.name", doc: "Name of this sensor; part of every identity and segment.") {
            (settings, value) throws(SettingsError) in
            let name = try value.string("sensor.name")
            let isPlain = name.utf8.allSatisfy { octet in
                octet == 0x2D || octet == 0x2E || octet == 0x5F || (0x30...0x39).contains(octet)
                    || (0x41...0x5A).contains(octet) || (0x61...0x7A).contains(octet)
            }
            guard isPlain, !name.isEmpty, name.utf8.count <= 64, name.first != "." else {
                throw SettingsError("sensor.name: “\(name)” may have letters, digits, dot, dash and underscore only")
            }
            settings.sensorName = name
            settings.protocols.sensorName = name
            settings.flows.sensorName = name
        },
        SettingKey(name: "workers", doc: "Worker threads; one a core when left out.") {
            (settings, value) throws(SettingsError) in
            settings.workers = try value.integer("workers", 1...64)
        },
        SettingKey(name: "analyzers", doc: "Analyzers that are on: a list, `all` or `none`.") {
            (settings, value) throws(SettingsError) in
            settings.analyzers = try Settings.analyzerNames(value.strings())
        },
        SettingKey(name: "ignore_checksums", doc: "Take packets with wrong checksums (offloading hosts).") {
            (settings, value) throws(SettingsError) in
            settings.ignoringChecksums = try value.boolean("ignore_checksums")
        },
    ]

    private static let capture: [SettingKey] = [
        SettingKey(name: "capture.filter", doc: "A pcap-filter expression; other packets are not looked at.") {
            (settings, value) throws(SettingsError) in
            settings.filter = try value.string("capture.filter")
        },
        SettingKey(name: "capture.snaplen", doc: "Octets of a packet that are captured, live.") {
            (settings, value) throws(SettingsError) in
            settings.snapLength = try value.integer("capture.snaplen", 64...262_144)
        },
        SettingKey(name: "capture.buffer_mb", doc: "Megabytes of kernel buffer of each worker, live.") {
            (settings, value) throws(SettingsError) in
            settings.bufferMegabytes = try value.integer("capture.buffer_mb", 1...2047)
        },
        SettingKey(name: "capture.promiscuous", doc: "Take packets for other hosts too, live.") {
            (settings, value) throws(SettingsError) in
            settings.isPromiscuous = try value.boolean("capture.promiscuous")
        },
    ]

    private static let flow: [SettingKey] = [
        SettingKey(name: "flows.max", doc: "Connections at once, each worker.") {
            (settings, value) throws(SettingsError) in
            settings.flows.connectionsMax = try value.integer("flows.max", 16...100_000_000)
        },
        SettingKey(name: "flows.tcp_inactivity", doc: "Silence that ends a TCP connection.") {
            (settings, value) throws(SettingsError) in
            settings.flows.tcpInactivity = try value.duration("flows.tcp_inactivity")
        },
        SettingKey(name: "flows.short_inactivity", doc: "Silence that ends UDP, ICMP, and TCP in its handshake.") {
            (settings, value) throws(SettingsError) in
            settings.flows.shortInactivity = try value.duration("flows.short_inactivity")
        },
        SettingKey(name: "flows.patient_inactivity", doc: "Silence that ends FTP, SSH, Telnet and rlogin.") {
            (settings, value) throws(SettingsError) in
            settings.flows.patientInactivity = try value.duration("flows.patient_inactivity")
        },
        SettingKey(name: "flows.open_interval", doc: "How often an open connection is logged to conn_open.") {
            (settings, value) throws(SettingsError) in
            settings.flows.openInterval = try value.duration("flows.open_interval")
        },
        SettingKey(name: "flows.reassembly_mb", doc: "Megabytes held out of order, each worker.") {
            (settings, value) throws(SettingsError) in
            settings.flows.reassemblyBytesMax = try value.integer("flows.reassembly_mb", 1...65_536) << 20
        },
        SettingKey(name: "flows.local_networks", doc: "Networks that are local beside the private ones.") {
            (settings, value) throws(SettingsError) in
            for text in value.strings() {
                guard let prefix = AddressPrefix(text) else {
                    throw SettingsError("flows.local_networks: “\(text)” is not a network such as 203.0.113.0/24")
                }
                settings.flows.localNetworks.append(prefix)
                settings.protocols.localNetworks.append(prefix)
            }
        },
    ]

    private static let protocolKeys: [SettingKey] = [
        SettingKey(name: "dns.pending_max", doc: "Unanswered queries of one connection that are kept.") {
            (settings, value) throws(SettingsError) in
            settings.protocols.dnsPendingMax = try value.integer("dns.pending_max", 1...100_000)
        },
        SettingKey(name: "dns.questions_max", doc: "Questions of one message; more end the message.") {
            (settings, value) throws(SettingsError) in
            settings.protocols.dnsQuestionsMax = try value.integer("dns.questions_max", 1...65_535)
        },
        SettingKey(name: "dns.all_sections", doc: "Read the authority and additional sections too.") {
            (settings, value) throws(SettingsError) in
            settings.protocols.dnsAllSections = try value.boolean("dns.all_sections")
        },
        SettingKey(name: "http.pending_max", doc: "Requests of one connection that wait for a response.") {
            (settings, value) throws(SettingsError) in
            settings.protocols.httpPendingMax = try value.integer("http.pending_max", 1...100_000)
        },
        SettingKey(name: "http.line_bytes_max", doc: "Octets of one header line that are kept.") {
            (settings, value) throws(SettingsError) in
            settings.protocols.httpLineBytesMax = try value.integer("http.line_bytes_max", 256...16_777_216)
        },
        SettingKey(name: "http.decompress_layers", doc: "Encodings of one body that are undone.") {
            (settings, value) throws(SettingsError) in
            settings.protocols.httpDecompressLayersMax = try value.integer("http.decompress_layers", 0...16)
        },
        SettingKey(name: "dhcp.transactions_max", doc: "Open transactions over all connections.") {
            (settings, value) throws(SettingsError) in
            settings.protocols.dhcpTransactionsMax = try value.integer("dhcp.transactions_max", 1...10_000_000)
        },
    ]

    private static let output: [SettingKey] = [
        SettingKey(name: "logs.community_id", doc: "Add community_id to each log line of a connection.") {
            (settings, value) throws(SettingsError) in
            settings.logsCommunityID = try value.boolean("logs.community_id")
        },
        SettingKey(name: "eve.types", doc: "Types of events that EVE has, such as dns, http; `all` for every one.") {
            (settings, value) throws(SettingsError) in
            let types = value.strings()
            settings.eve.types = types == ["all"] ? [] : Set(types)
        },
        SettingKey(name: "eve.anomalies", doc: "Layers whose anomalies EVE has: decode, stream, applayer.") {
            (settings, value) throws(SettingsError) in
            settings.protocols.anomalies = []
            for name in value.strings() {
                guard let kind = EVEAnomalyKind(rawValue: name) else {
                    throw SettingsError("eve.anomalies: \(name) is none of decode, stream, applayer")
                }
                settings.protocols.anomalies.insert(kind)
            }
        },
        SettingKey(name: "eve.ether", doc: "Add the hardware addresses to each event of EVE.") {
            (settings, value) throws(SettingsError) in
            settings.eve.addsEther = try value.boolean("eve.ether")
        },
        SettingKey(name: "stats.interval", doc: "Seconds between rows of the stats log, live.") {
            (settings, value) throws(SettingsError) in
            settings.statsIntervalSeconds = try value.integer("stats.interval", 1...86_400)
        },
    ]

    /// Variables that rules know without being told (Suricata 8's defaults).
    package static let knownVariables = [
        "HOME_NET", "EXTERNAL_NET", "HTTP_SERVERS", "SMTP_SERVERS", "SQL_SERVERS", "DNS_SERVERS", "TELNET_SERVERS",
        "AIM_SERVERS", "DC_SERVERS", "DNP3_SERVER", "DNP3_CLIENT", "MODBUS_CLIENT", "MODBUS_SERVER", "ENIP_CLIENT",
        "ENIP_SERVER", "HTTP_PORTS", "SHELLCODE_PORTS", "ORACLE_PORTS", "SSH_PORTS", "DNP3_PORTS", "MODBUS_PORTS",
        "FILE_DATA_PORTS", "FTP_PORTS", "GENEVE_PORTS", "VXLAN_PORTS", "TEREDO_PORTS", "SIP_PORTS",
    ]

    /// Sets one variable of signatures, `NAME=VALUE`.
    package mutating func setVariable(_ assignment: String) throws(SettingsError) {
        guard let equals = assignment.firstIndex(of: "=") else {
            throw SettingsError("--var \(assignment): write NAME=VALUE, such as --var HOME_NET=10.0.0.0/8")
        }
        let name = String(assignment[..<equals]).trimmed
        try set("vars." + name, .text(String(assignment[assignment.index(after: equals)...]).trimmed), where: "--var")
    }

    /// Switches one analyzer, `analyzers.NAME`; the names of rule headers are understood too.
    mutating func switchAnalyzer(_ name: String, _ value: SettingValue, where place: String) throws(SettingsError) {
        let own = Settings.analyzerAliases[name] ?? name
        let isProtocol = AppProtocol.allCases.contains { "\($0.name)" == name }
        guard isProtocol || AnalyzerSelection.knownNames.contains(own) else {
            let list = AnalyzerSelection.knownNames.joined(separator: ", ")
            throw SettingsError("\(place): there is no analyzer “\(name)”; the analyzers are \(list)")
        }
        if try value.boolean("analyzers.\(name)") {
            analyzersOff.remove(own)
        } else {
            analyzersOff.insert(own)
        }
    }

    /// Names of rule headers for analyzers that have another one here.
    private static let analyzerAliases = [
        "tls": "ssl", "pgsql": "postgresql", "krb5": "krb", "dcerpc": "dce-rpc",
    ]

    /// `all` is nil, `none` is empty; unknown names are refused with the known ones.
    package static func analyzerNames(_ names: [String]) throws(SettingsError) -> Set<String>? {
        if names == ["all"] { return nil }
        if names == ["none"] || names.isEmpty { return [] }
        let known = Set(AnalyzerSelection.knownNames)
        for name in names where !known.contains(name) || name == "none" {
            let list = AnalyzerSelection.knownNames.joined(separator: ", ")
            throw SettingsError("there is no analyzer “\(name)”; the analyzers are \(list), all")
        }
        return Set(names)
    }
}
