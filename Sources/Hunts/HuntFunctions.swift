// SPDX-License-Identifier: Apache-2.0
//
// The analyses as tables of SQL: beacons(), threats().
//
// Reads   arguments: since, until, window in seconds, networks with commas between; each may be left out.
// Writes  rows.
// Leaves  the analyses (`BeaconAnalysis`, `ThreatAnalysis`).

package import Query
import Records
import Store

/// All functions that stand where a table does.
package let huntFunctions: [any TableFunction] = [BeaconsFunction(), ThreatsFunction()]

/// The arguments that both have.
struct AnalysisArguments {
    var question = BeaconQuestion()

    init(_ arguments: [SQLValue], usage: String) throws(QueryError) {
        guard arguments.count <= 4 else { throw AnalysisArguments.failure("there are too many arguments", usage) }
        question.since = try AnalysisArguments.time(arguments, 0, usage)
        question.until = try AnalysisArguments.time(arguments, 1, usage)?.adding(-1)
        if arguments.count > 2 {
            guard case .integer(let seconds) = arguments[2], seconds >= 0 else {
                throw AnalysisArguments.failure("the window is no number of seconds", usage)
            }
            question.windowSeconds = seconds
        }
        if arguments.count > 3, case .text(let octets) = arguments[3], !octets.isEmpty {
            let names = String(decoding: octets, as: UTF8.self).split(separator: ",").map { $0.trimmed }
            let networks = names.map { AddressPrefix($0) }
            guard !networks.contains(nil) else { throw AnalysisArguments.failure("a network is none", usage) }
            question.site = SiteNetworks(networks.compactMap { $0 })
            question.networkTexts = names
        }
    }

    private static func time(_ arguments: [SQLValue], _ place: Int, _ usage: String) throws(QueryError) -> Timestamp? {
        guard arguments.indices.contains(place), arguments[place] != .null else { return nil }
        guard case .text(let octets) = arguments[place],
            let time = HuntTime.parse(String(decoding: octets, as: UTF8.self))
        else { throw failure("argument \(place + 1) is no time", usage) }
        return time
    }

    private static func failure(_ reason: String, _ usage: String) -> QueryError {
        QueryError(.value, reason, advice: "write \(usage)")
    }
}

struct BeaconsFunction: TableFunction {
    let name = "beacons"
    let usage = "beacons('2026-11-22 00:00', '2026-11-23 00:00', 86400, '10.0.0.0/8')"
    let columns = [
        "kind", "src", "dst", "score", "ts_score", "ds_score", "hist_score", "dur_score", "connections", "bytes",
        "interval_seconds", "size", "first_ts", "last_ts",
    ]

    func rows(_ arguments: [SQLValue], store: String, schemas: [LogSchema]) throws(QueryError) -> [[SQLValue]] {
        let question = try AnalysisArguments(arguments, usage: usage).question
        return try run(question, store).beacons.map { pair in
            [
                pair.name == nil ? "ip" : "sni", SQLValue("\(pair.source)"), target(pair.target, pair.name),
                .real(pair.score.score), .real(pair.score.times), .real(pair.score.sizes), .real(pair.score.histogram),
                .real(pair.score.duration), SQLValue(pair.connectionCount), .integer(Int64(pair.byteCount)),
                .real(pair.interval), .real(pair.size), SQLValue(Timestamp(seconds: pair.first)),
                SQLValue(Timestamp(seconds: pair.last)),
            ]
        }
    }
}

struct ThreatsFunction: TableFunction {
    let name = "threats"
    let usage = "threats('2026-11-22 00:00', '2026-11-23 00:00', 86400, '10.0.0.0/8')"
    let columns = [
        "src", "dst", "severity", "score", "beacon", "long_connection", "strobe", "dns_names", "intel", "prevalence",
        "first_seen", "missing_host", "rare_signature", "mime_mismatch", "connections", "seconds", "bytes", "hosts",
        "first_ts", "last_ts",
    ]

    func rows(_ arguments: [SQLValue], store: String, schemas: [LogSchema]) throws(QueryError) -> [[SQLValue]] {
        let question = try AnalysisArguments(arguments, usage: usage).question
        return try ThreatAnalysis.run(store: store, schemas: schemas, question).map { threat in
            let score = threat.score
            return [
                SQLValue(threat.source), SQLValue(threat.target), SQLValue(score.severity.rawValue),
                .real(BeaconMath.thousandths(score.final)), .real(BeaconMath.thousandths(score.beacon)),
                .real(BeaconMath.thousandths(score.longConnection)), .real(score.strobe),
                .real(BeaconMath.thousandths(score.namesBelow)), .real(score.intel + score.intelVolume),
                .real(score.prevalence), .real(score.firstSeen), .real(score.missingHost), .real(score.rareSignature),
                .real(score.mimeMismatch), SQLValue(threat.connectionCount), .real(threat.seconds),
                .integer(Int64(threat.byteCount)), SQLValue(threat.hostCount),
                threat.first.map { SQLValue($0) } ?? .null, threat.last.map { SQLValue($0) } ?? .null,
            ]
        }
    }
}

/// The analysis of a store by its folder.
func run(_ question: BeaconQuestion, _ store: String) throws(QueryError) -> BeaconAnswer {
    do { return try BeaconAnalysis.run(StoreReader.open(store), question) } catch {
        throw QueryError(.store, "\(error.path): \(error.reason)", advice: error.advice)
    }
}

/// An address, or a name as text.
func target(_ address: Address?, _ name: [UInt8]?) -> SQLValue {
    if let address { return SQLValue("\(address)") }
    return .text(name ?? [])
}
