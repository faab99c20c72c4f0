# SPDX-License-Identifier: GPL-2.0

$(eval $(call unit_test,transport_info,tests/unit/transport/virtio_info_test.c,))
$(eval $(call unit_test,transport_arrays,\
	tests/unit/transport/virtio_arrays_test.c,))
