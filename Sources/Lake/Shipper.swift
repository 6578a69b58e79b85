// SPDX-License-Identifier: Apache-2.0
//
// Finished segments of a store into a lake, each once.
//
// Reads   the store's list of what was shipped; segments.
// Writes  log=NAME/day=DATE/SENSOR-NUMBERS.STORE.parquet at the place; the list.
// Leaves  the place's own ways (`LakePlace`), what is finished (`ShippingList`).
//
// The name of a segment never changes and has the store's own identity in it: a run that was cut off anywhere puts the
// same octets under the same names again, which is no second copy.

internal import Store

/// What a run of shipping did.
package struct ShippingReport: Sendable, Equatable {
    package var written = 0
    package var bytes = 0
    package var rows = 0
    /// Segments that were there already, from a run that was cut off.
    package var alreadyThere = 0
    /// Segments that retention took before they could be shipped.
    package var gone = 0
    /// Segments shipped in all runs so far.
    package var total = 0

    package init() {}
}

package struct Shipper {
    private let list: ShippingList
    private let place: any LakePlace
    /// Called after each segment: how many are done, and of how many.
    package var progress: ((_ done: Int, _ total: Int) -> Void)?

    /// Throws `.store`.
    package init(store: String, place: any LakePlace) throws(LakeError) {
        self.place = place
        do { list = try ShippingList(folder: store, lake: place.name) } catch { throw LakeError(error) }
    }

    /// Ships everything that is finished now.
    package func run() throws(LakeError) -> ShippingReport {
        var report = ShippingReport()
        do {
            try list.claim()
            let waiting = try list.waiting()
            for (index, shipment) in waiting.enumerated() {
                try ship(shipment, &report)
                progress?(index + 1, waiting.count)
            }
            report.total = try list.shippedCount()
        } catch let error as LakeError {
            throw error
        } catch let error as StoreError {
            throw LakeError(error)
        } catch {
            throw LakeError(.refused, place.name, "\(error)", advice: "ship again goes on from here")
        }
        return report
    }

    private func ship(_ shipment: Shipment, _ report: inout ShippingReport) throws {
        guard let file = list.file(of: shipment) else {
            report.gone += 1
            return try list.mark(shipment, .gone)
        }
        switch try place.put(file: file, key: Shipper.key(shipment, store: list.identity)) {
        case .written:
            report.written += 1
            report.bytes += shipment.byteCount
            report.rows += shipment.rowCount
        case .alreadyThere: report.alreadyThere += 1
        }
        try list.mark(shipment, .shipped)
    }

    /// `log=conn/day=2026-11-22/north-000017.1f2e3d4c.parquet`.
    static func key(_ shipment: Shipment, store: String) -> String {
        // The path in the store: LOG/date=…/hour=…/NAME.parquet.
        let parts = shipment.path.split(separator: "/")
        let day = parts.first { $0.hasPrefix("date=") }.map { $0.dropFirst(5) } ?? "unknown"
        let name = (parts.last ?? "").dropLast(".parquet".count)
        return "log=\(shipment.log)/day=\(day)/\(name).\(store).parquet"
    }
}
