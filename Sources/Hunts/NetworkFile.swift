// SPDX-License-Identifier: Apache-2.0
//
// Which autonomous system an address belongs to, by an MMDB file (maxmind.github.io/MaxMind-DB).
//
// Reads   GeoLite2-ASN and files of its form: autonomous_system_number, autonomous_system_organization.
// Writes  numbers and names.
// Leaves  countries and cities.

import CMaxMind
import Glibc
import Query
import Records

/// An open file of autonomous systems. Used by one thread.
@safe final class NetworkFile {
    private let database: UnsafeMutablePointer<MMDB_s>

    init(path: String) throws(QueryError) {
        // Safe: made here, opened by the library, closed and freed in `deinit`.
        unsafe database = .allocate(capacity: 1)
        unsafe database.initialize(to: MMDB_s())
        // Safe: the path lives as long as the call.
        let status = unsafe MMDB_open(path, UInt32(MMDB_MODE_MMAP), database)
        guard status == MMDB_SUCCESS else {
            // Safe: nothing was opened; the memory is ours.
            unsafe database.deallocate()
            throw QueryError(
                .value, "\(path) is no MMDB file, or cannot be read", advice: "give a file of autonomous systems")
        }
        isOpen = true
    }

    private var isOpen = false

    deinit {
        guard isOpen else { return }
        // Safe: opened in `init`, used by nobody else.
        unsafe MMDB_close(database)
        unsafe database.deallocate()
    }

    /// The autonomous system of an address; nil where the file has none.
    func network(of address: Address) -> (number: Int64, organisation: String)? {
        var status: Int32 = 0
        var found: MMDB_lookup_result_s
        if address.isV4 {
            var place = sockaddr_in()
            place.sin_family = sa_family_t(AF_INET)
            place.sin_addr.s_addr = address.v4.bigEndian
            // Safe: the address is a local variable that lives as long as the call.
            unsafe found = withUnsafePointer(to: &place) { place in
                unsafe place.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    unsafe MMDB_lookup_sockaddr(database, $0, &status)
                }
            }
        } else {
            var place = sockaddr_in6()
            place.sin6_family = sa_family_t(AF_INET6)
            // Safe: 16 octets are written into a field of 16 octets.
            unsafe withUnsafeMutableBytes(of: &place.sin6_addr) { octets in
                unsafe octets.storeBytes(of: address.high.bigEndian, as: UInt64.self)
                unsafe octets.storeBytes(of: address.low.bigEndian, toByteOffset: 8, as: UInt64.self)
            }
            // Safe: the address is a local variable that lives as long as the call.
            unsafe found = withUnsafePointer(to: &place) { place in
                unsafe place.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    unsafe MMDB_lookup_sockaddr(database, $0, &status)
                }
            }
        }
        // Safe: plain fields of what the library gave.
        guard status == MMDB_SUCCESS, unsafe found.found_entry else { return nil }
        // Safe: the entry belongs to the open file.
        guard let number = unsafe value(&found.entry, "autonomous_system_number").number else { return nil }
        let organisation = unsafe value(&found.entry, "autonomous_system_organization").text ?? "AS\(number)"
        return (number, organisation)
    }

    private func value(_ entry: inout MMDB_entry_s, _ name: String) -> (number: Int64?, text: String?) {
        // Safe: a plain struct, all of it zero until the library fills it.
        var data = unsafe MMDB_entry_data_s()
        let status = unsafe name.withCString { name in
            // Safe: the path is ended by nil, and both live as long as the call.
            var path: [UnsafePointer<CChar>?] = unsafe [name, nil]
            return unsafe MMDB_aget_value(&entry, &data, &path)
        }
        // Safe: the library has set the fields that belong to the type that it names.
        guard status == MMDB_SUCCESS, unsafe data.has_data else { return (nil, nil) }
        // Safe: of the union the member that `type` names is read.
        switch unsafe Int32(data.type) {
        case MMDB_DATA_TYPE_UINT16: return unsafe (Int64(data.uint16), nil)
        case MMDB_DATA_TYPE_UINT32: return unsafe (Int64(data.uint32), nil)
        case MMDB_DATA_TYPE_UTF8_STRING:
            // Safe: `data_size` octets of the mapped file, copied here.
            guard let start = unsafe data.utf8_string else { return (nil, nil) }
            let octets = unsafe UnsafeRawBufferPointer(start: start, count: Int(data.data_size))
            return unsafe (nil, String(decoding: octets, as: UTF8.self))
        default: return (nil, nil)
        }
    }
}
