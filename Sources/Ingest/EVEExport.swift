// SPDX-License-Identifier: Apache-2.0
//
// Rows as Suricata's events: the tables by which events are read, the other way round.
//
// Reads   rows of SQL of conn, dns, http, ssl, files, alert, ssh, smtp, ftp, kerberos, smb_mapping, weird.
// Writes  one JSON object a line.
// Leaves  what a sensor's own EVE writer knows beside (payloads, packets).

package import JSON

/// Makes events of one log's rows.
package struct EVEExport {
    private let kind: String
    private let mapping: EVEMapping

    /// Logs that have events.
    package static var logs: [String] { Array(Set(EVEMapping.all.values.flatMap { $0.map(\.log) })).sorted() }

    /// Nil for a log that has no events.
    package init?(log: String) {
        for (kind, mappings) in EVEMapping.all.sorted(by: { $0.key < $1.key }) {
            guard let mapping = mappings.first(where: { $0.log == log }) else { continue }
            (self.kind, self.mapping) = (kind, mapping)
            return
        }
        return nil
    }

    /// The line of a row, given as a JSON object with the names of SQL, with its end. Nil for what is no object.
    package func line(_ row: JSONValue) -> [UInt8]? {
        guard row.isObject else { return nil }
        var tree = Branch()
        func cell(_ name: String) -> JSONValue? { row[name].flatMap { $0.isNull ? nil : $0 } }
        func put(_ path: [String], _ name: String) {
            if let value = cell(name) { tree.put(path[...], Array(value.raw)) }
        }
        let time = cell("ts")?.string ?? ""
        var writer = JSONWriter()
        writer.string(time.replacing(" ", with: "T") + "+0000")
        tree.put(["timestamp"], writer.octets)
        tree.put(["event_type"], Array("\"\(kind)\"".utf8))
        for (member, column) in [
            ("src_ip", "id_orig_h"), ("src_port", "id_orig_p"), ("dest_ip", "id_resp_h"), ("dest_port", "id_resp_p"),
            ("community_id", "community_id"), ("uid", "uid"),
        ] { put([member], column) }
        if let proto = cell("proto")?.string { tree.put(["proto"], Array("\"\(proto.uppercased())\"".utf8)) }
        for (column, path) in mapping.fields {
            // `x.0` is an element of a list in events, and a cell of its own here.
            guard Int(path[path.count - 1]) == nil else { continue }
            put(path, column.replacing(".", with: "_"))
        }
        if kind == "flow" { addFlow(row, &tree) }
        if kind == "dns" { addAnswers(row, &tree) }
        return tree.octets + [0x0A]
    }

    private func addFlow(_ row: JSONValue, _ tree: inout Branch) {
        for (member, column) in [("bytes_toserver", "orig_ip_bytes"), ("bytes_toclient", "resp_ip_bytes")] {
            if let value = row[column], !value.isNull { tree.put(["flow", member], Array(value.raw)) }
        }
        if let start = row["ts"]?.string {
            tree.put(["flow", "start"], Array("\"\(start.replacing(" ", with: "T"))+0000\"".utf8))
        }
        if let state = row["conn_state"], !state.isNull { tree.put(["flow", "conn_state"], Array(state.raw)) }
        if let service = row["service"]?.string {
            tree.put(["app_proto"], Array("\"\(service == "ssl" ? "tls" : service)\"".utf8))
        }
    }

    private func addAnswers(_ row: JSONValue, _ tree: inout Branch) {
        tree.put(["dns", "version"], Array("2".utf8))
        let isAnswered = row["rcode"].map { !$0.isNull } ?? false
        tree.put(["dns", "type"], Array((isAnswered ? "\"answer\"" : "\"query\"").utf8))
        guard let answers = row["answers"], answers.isArray else { return }
        let lifetimes = row["TTLs"]?.elements.map { $0 } ?? []
        var writer = JSONWriter()
        writer.array { list in
            for (index, answer) in answers.elements.enumerated() {
                list.object { object in
                    object.key("rdata")
                    object.raw(answer.raw)
                    if lifetimes.indices.contains(index), let ttl = lifetimes[index].double {
                        object.member("ttl", Int64(ttl))
                    }
                }
            }
        }
        tree.put(["dns", "answers"], writer.octets)
    }
}

/// Members of an object, in the order in which they came; a member that is put twice keeps its first value.
private struct Branch {
    private var names: [String] = []
    private var leaves: [String: [UInt8]] = [:]
    private var branches: [String: Branch] = [:]

    mutating func put(_ path: ArraySlice<String>, _ value: [UInt8]) {
        guard let name = path.first else { return }
        guard path.count > 1 else {
            guard leaves[name] == nil, branches[name] == nil else { return }
            names.append(name)
            leaves[name] = value
            return
        }
        guard leaves[name] == nil else { return }
        if branches[name] == nil { names.append(name) }
        branches[name, default: Branch()].put(path.dropFirst(), value)
    }

    var octets: [UInt8] {
        var octets: [UInt8] = [0x7B]
        for (index, name) in names.enumerated() {
            if index > 0 { octets.append(0x2C) }
            octets += "\"\(name)\":".utf8
            octets += leaves[name] ?? branches[name]?.octets ?? Array("null".utf8)
        }
        octets.append(0x7D)
        return octets
    }
}
