// SPDX-License-Identifier: Apache-2.0
//
// What a sensor that runs reads anew on SIGHUP: signatures, Sigma rules, indicators.
//
// Reads   the files of its settings, and the feeds of its store.
// Writes  the shelves that workers and the collector take from; what came of it, into the store.
// Leaves  asking for it (RulesReloadCommand.swift).

import Dispatch
import Glibc
import Intel
import Records
import Sensor
import Sigma
import Signatures

/// Everything is made aside, each kind for itself, and taken only when all of it went well.
struct Reloading: Sendable {
    var settings: Settings
    var store: String?
    var rules: RuleShelf?
    var indicators: IndicatorShelf
    var sigma: SigmaShelf?

    /// Reads anew on each SIGHUP until it is cancelled.
    func onHangup() -> any DispatchSourceSignal {
        signal(SIGHUP, SIG_IGN)
        let source = DispatchSource.makeSignalSource(signal: SIGHUP, queue: DispatchQueue(label: "reload"))
        source.setEventHandler {
            let result = run()
            for part in result.parts { part.error.map { Console.warn($0) } ?? Console.say("read anew: \(part.line)") }
            if let store { result.write(to: store) }
        }
        source.resume()
        return source
    }

    /// What came of each kind that this sensor looks for.
    func run() -> RuleReload {
        var parts = [signatures(), sigmaRules(), feeds()].compactMap { $0 }
        if parts.isEmpty {
            parts = [RuleReload.Part(name: "rules", error: "nothing is loaded, so there is nothing to read anew")]
        }
        return RuleReload(parts: parts)
    }

    private func signatures() -> RuleReload.Part? {
        guard let rules else { return nil }
        var part = RuleReload.Part(name: "rules")
        do {
            for complaint in rules.newest.set.saveDatasets() { Console.warn(complaint) }
            let loaded = try settings.loadRules(replacing: rules.newest) { Console.warn($0) }
            guard let loaded else {
                part.error = "the settings name no rules any more"
                return part
            }
            rules.replace(with: loaded)
            part.loaded = loaded.set.rules.count
            part.refused = loaded.set.refusedCount
        } catch {
            part.error = "\(error); the rules stay as they were"
        }
        return part
    }

    /// A rule that is refused is left out, as at the start; what is wrong in a file whose rules are in use changes
    /// nothing.
    private func sigmaRules() -> RuleReload.Part? {
        guard let sigma else { return nil }
        var part = RuleReload.Part(name: "Sigma rules")
        do {
            let rules = try SigmaGlue.read(settings)
            let inUse = Set(sigma.newest.rules.rules.map(\.path) + settings.sigma.rulePaths)
            for report in rules.rejected {
                guard case .rejected(let refusal) = report.verdict else { continue }
                guard !inUse.contains(report.path) else {
                    part.error = "\(report.path): \(refusal.reason); the Sigma rules stay as they were"
                    return part
                }
                part.refused += 1
                Console.warn("\(report.path): \(refusal.reason)")
            }
            guard !rules.rules.isEmpty else {
                part.error = "no Sigma rule can be used; the Sigma rules stay as they were"
                return part
            }
            sigma.replace(with: SigmaSet(rules, schemas: Schemas.all))
            part.loaded = rules.rules.count
        } catch {
            part.error = "\(error); the Sigma rules stay as they were"
        }
        return part
    }

    private func feeds() -> RuleReload.Part? {
        var part = RuleReload.Part(name: "indicators")
        do {
            let index = try settings.loadIndicators(store: store, isStrict: true) { Console.warn($0) }
            guard index.count > 0 || indicators.newest.count > 0 else { return nil }
            indicators.replace(with: index)
            part.loaded = index.count
            if !settings.makesDigests(of: index.digestByteCounts) {
                Console.warn(
                    "there are digests of files of a kind that was not asked for at the start; restart for them")
            }
        } catch {
            part.error = "\(error); the indicators stay as they were"
        }
        return part
    }
}
