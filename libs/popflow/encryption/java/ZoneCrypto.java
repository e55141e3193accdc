package org.popflow;

import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.parquet.crypto.FileEncryptionProperties;
import org.apache.parquet.crypto.ParquetCryptoRuntimeException;
import org.apache.parquet.crypto.keytools.PropertiesDrivenCryptoFactory;
import org.apache.parquet.hadoop.api.WriteSupport;

/** Encrypts every Parquet file below one folder, whoever writes it, but for Delta's own checkpoints. */
public final class ZoneCrypto extends PropertiesDrivenCryptoFactory {

  public FileEncryptionProperties getFileEncryptionProperties(
      Configuration conf, Path file, WriteSupport.WriteContext context) throws ParquetCryptoRuntimeException {
    String path = file.toUri().getPath();
    boolean inZone = path.startsWith(conf.get("popflow.encrypted.zone") + "/");
    if (!inZone || path.indexOf("/_delta_log/") >= 0) {
      return null;
    }
    return super.getFileEncryptionProperties(conf, file, context);
  }
}
