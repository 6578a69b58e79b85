// SPDX-License-Identifier: Apache-2.0
//
// Alerts become incidents.

package enum IncidentsModule {}
