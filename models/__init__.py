"""What is learned: record contract, preprocessing, tf.data input, networks, training and serving."""
