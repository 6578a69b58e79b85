// SPDX-License-Identifier: Apache-2.0
//
// Hunts over the store.

package enum HuntsModule {}
