// SPDX-License-Identifier: Apache-2.0
//
// Indicators for a run: those that the store keeps and those of the configuration; and what follows from alerts.

import Foundation
import Incidents
import Intel
import Records
import Sensor
import Store

extension Settings {
    /// All indicators that a run into `store` is to look for. `tell` hears of feeds of the store that cannot be used;
    /// the others are there. Throws where a file of the configuration is not there, and `isStrict` where any feed
    /// cannot be used.
    func loadIndicators(
        store: String?, isStrict: Bool = false, _ tell: (String) -> Void
    ) throws(IntelError) -> IndicatorIndex {
        var sets: [IndicatorSet] = []
        if let store {
            let folder = IntelFolder(store: store)
            sets = isStrict ? try folder.allSets() : folder.sets(tell)
        }
        var harmless = HarmlessValues()
        for path in intel.allowLists { try harmless.allow(path: path) }
        harmless.remarks.forEach(tell)
        for path in intel.files {
            var options = FeedOptions(name: IntelFolder.name(of: path))
            options.harmless = harmless
            let outcome = try FeedReader.read(path: path, options: options, now: IntelClock.now)
            if outcome.refusedCount > 0 {
                tell("\(path): \(outcome.refusedCount) values are refused; weir intel check \(path) shows them")
            }
            sets.append(outcome.set)
        }
        let index = IndicatorIndex(sets)
        let unsure = index.count(below: intel.confidenceMin)
        if unsure > 0 {
            tell(
                "\(unsure) of \(index.count) indicators are less sure than intel.confidence_min "
                    + "(\(intel.confidenceMin)) and raise no alert")
        }
        return index
    }

    /// What looks on for indicators; and digests of files are made where an indicator is one.
    mutating func matcher(_ shelf: IndicatorShelf) -> IndicatorMatcher {
        addDigests(of: shelf.newest.digestByteCounts)
        var match = MatchSettings()
        match.confidenceMin = intel.confidenceMin
        match.decay = intel.decay
        match.prevalenceMax = intel.prevalenceMax
        match.foldSeconds = alerts.foldSeconds
        return IndicatorMatcher(shelf, schemas: Schemas.all, settings: match)
    }

    var correlation: CorrelationSettings {
        var settings = CorrelationSettings()
        settings.windowSeconds = Int64(incidents.windowSeconds)
        settings.own = OwnNetworks(localNetworks)
        return settings
    }
}

/// Takes new alerts of a store into its incidents.
enum Correlating {
    /// Says what came of it where something did. A store without alerts is left as it is.
    static func run(_ folder: String, _ settings: CorrelationSettings, isQuiet: Bool = false) {
        do {
            guard try !StoreReader.open(folder).segments(log: "alert", bounds: []).isEmpty else { return }
            let outcome = try IncidentLedger(folder: folder, settings: settings).correlate()
            for fault in outcome.faults { Console.warn(fault) }
            guard !isQuiet, !outcome.raised.isEmpty else { return }
            let count = outcome.raised.count
            Console.say(
                "\(count) new incident\(count == 1 ? "" : "s"); weir incidents list --store \(folder) shows "
                    + (count == 1 ? "it" : "them"))
        } catch {
            Console.warn("incidents: \(error)")
        }
    }

    /// Runs every so often until it is cancelled.
    static func schedule(_ folder: String, _ settings: Settings) -> (any DispatchSourceTimer)? {
        guard settings.incidents.intervalSeconds > 0 else { return nil }
        let timer = DispatchSource.makeTimerSource(queue: DispatchQueue(label: "incidents"))
        let correlation = settings.correlation
        let interval = Double(settings.incidents.intervalSeconds)
        timer.schedule(deadline: .now() + interval, repeating: interval)
        timer.setEventHandler { run(folder, correlation) }
        timer.resume()
        return timer
    }
}
